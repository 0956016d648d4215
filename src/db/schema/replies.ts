/** Replies: how the answer of a run is shown in its chat. */
import { sql } from "drizzle-orm";
import { bigint, check, index, integer, pgEnum, snakeCase, text, uuid } from "drizzle-orm/pg-core";
import { chats } from "./chats.ts";
import { changedIn, id, instant } from "./columns.ts";
import { runs } from "./runs.ts";

export const deliveryStatus = pgEnum("delivery_status", ["pending", "partial", "delivered", "failed"]);

/** The Telegram messages that show a run, with their own delivery status: a run ends with its commit, not with delivery. */
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
    /** The person's message that the reply quotes; null for none. */
    replyToMessageId: bigint({ mode: "number" }),
    /** The order of the replies of a chat, assigned by the transaction that stores the question, under its lock. */
    number: bigint({ mode: "number" }).notNull().generatedAlwaysAsIdentity(),
    /** The complete reply as Markdown, including notes of the bot; null until the run has ended. */
    finalText: text(),
    status: deliveryStatus().notNull().default("pending"),
    /** Telegram's message ids, in the order of the pages. */
    telegramMessageIds: bigint({ mode: "number" }).array().notNull().default([]),
    /** The worker that sends it. Fences writes of a worker that was considered dead. */
    workerId: integer(),
    /** Since when a message is being sent whose id is not known yet; null for none. */
    sendingSince: instant(),
    /** Messages that may be in the chat twice: Telegram's answer was lost, or the process ended before it stored the id. */
    resentCount: integer().notNull().default(0),
    error: text(),
    createdAt: instant().notNull().defaultNow(),
    deliveredAt: instant(),
    changedIn: changedIn(),
  },
  (t) => [
    index("replies_waiting").on(t.chatId, t.number).where(sql`${t.status} in ('pending', 'partial')`),
    // Without the list of pending entries: a search would read all of it.
    index("replies_in_telegram").using("gin", t.telegramMessageIds).with({ fastupdate: false }),
    index("replies_changed").on(t.changedIn),
    check("replies_delivered_has_time", sql`(${t.status} = 'delivered') = (${t.deliveredAt} is not null)`),
    check("replies_failed_has_error", sql`${t.status} <> 'failed' or ${t.error} is not null`),
  ],
);
