/** Replies: how what a run said is shown in its chat. */
import { sql } from "drizzle-orm";
import { bigint, check, index, integer, pgEnum, snakeCase, text, uuid } from "drizzle-orm/pg-core";
import { chats } from "./chats.ts";
import { changedIn, id, instant } from "./columns.ts";
import { runs } from "./runs.ts";

export const deliveryStatus = pgEnum("delivery_status", ["pending", "partial", "delivered", "failed"]);

/** The Telegram messages that show a run, with a delivery state of its own: a run ends at commit, not at delivery. */
export const replies = snakeCase.table(
  "replies",
  {
    id: id(),
    runId: uuid()
      .notNull()
      .unique()
      .references(() => runs.id),
    chatId: uuid()
      .notNull()
      .references(() => chats.id),
    /** The person's message that it answers; null where nothing is quoted. */
    replyToMessageId: bigint({ mode: "number" }),
    /** Its place among the replies of a chat: given within the transaction that takes the question in, under its lock. */
    number: bigint({ mode: "number" }).notNull().generatedAlwaysAsIdentity(),
    /** The whole reply as Markdown, notes of the bot included; null until the run has ended. */
    finalText: text(),
    status: deliveryStatus().notNull().default("pending"),
    /** Telegram's message ids, page by page. */
    telegramMessageIds: bigint({ mode: "number" }).array().notNull().default([]),
    /** Who draws it. Fences every write of a worker that was thought dead. */
    workerId: integer(),
    /** Since when a message is on its way whose id is not known yet; null when there is none. */
    sendingSince: instant(),
    /** Messages that may stand twice: their answer was lost, or their process ended before it knew their id. */
    resentCount: integer().notNull().default(0),
    error: text(),
    createdAt: instant().notNull().defaultNow(),
    deliveredAt: instant(),
    changedIn: changedIn(),
  },
  (t) => [
    index("replies_waiting").on(t.chatId, t.number).where(sql`${t.status} in ('pending', 'partial')`),
    index("replies_changed").on(t.changedIn),
    check("replies_delivered_has_time", sql`(${t.status} = 'delivered') = (${t.deliveredAt} is not null)`),
    check("replies_failed_has_error", sql`${t.status} <> 'failed' or ${t.error} is not null`),
  ],
);
