/**
 * Chats with the bot, and the threads in them.
 *
 * `chats.telegram_id` may change (a group becomes a supergroup), so all references use our own ids. A migration in `drizzle/`
 * adds what drizzle-kit cannot express: `threads_one_open`, a partial unique index with NULLS NOT DISTINCT.
 */
import { sql } from "drizzle-orm";
import { bigint, check, index, integer, pgEnum, primaryKey, snakeCase, text, unique, uuid } from "drizzle-orm/pg-core";
import { id, instant, telegramId } from "./columns.ts";
import { staffRole } from "./staff.ts";

export const chatType = pgEnum("chat_type", ["private", "group", "supergroup", "terminal"]);
export const threadStatus = pgEnum("thread_status", ["open", "closed"]);

export const chats = snakeCase.table(
  "chats",
  {
    id: id(),
    /** Telegram's id of the bot; null for the terminal (`npm run ask`). */
    botId: telegramId(),
    telegramId: telegramId(),
    type: chatType().notNull(),
    title: text(),
    /** The highest role that counts in a group. Not used in a private chat. */
    roleCeiling: staffRole().notNull().default("staff"),
    /** Recent calls that still count for Telegram's rate limit, oldest first. For the next process that sends to the chat. */
    callsAt: instant().array().notNull().default([]),
    /** When a full burst may be sent again. */
    restedAt: instant(),
    /** Telegram asked to send nothing until then. */
    frozenUntil: instant(),
    /** The worker that stored these three columns. It keeps newer values in memory. */
    callsBy: integer(),
    createdAt: instant().notNull().defaultNow(),
  },
  (t) => [
    unique("chats_telegram").on(t.botId, t.telegramId),
    check("chats_telegram_or_terminal", sql`(${t.type} = 'terminal') = (${t.telegramId} is null)`),
    check("chats_bot_with_telegram", sql`(${t.botId} is null) = (${t.telegramId} is null)`),
  ],
);

export const threads = snakeCase.table(
  "threads",
  {
    id: id(),
    chatId: uuid()
      .notNull()
      .references(() => chats.id),
    /** The forum topic, only for messages with `is_topic_message`; null for the chat itself. */
    topicId: bigint({ mode: "number" }),
    /** The first question, shortened; null until there is one. */
    title: text(),
    status: threadStatus().notNull().default("open"),
    /** The queued run whose question may go on in the next message (`message-parts.ts`); null for none. */
    waitingRunId: uuid(),
    /** The position of the next message, read and increased under this row's lock. */
    nextPosition: integer().notNull().default(1),
    createdAt: instant().notNull().defaultNow(),
    lastActivityAt: instant().notNull().defaultNow(),
    closedAt: instant(),
  },
  (t) => [
    // threads_one_open: unique (chat_id, topic_id) nulls not distinct where status = 'open' -- in the migration.
    index("threads_by_activity").on(t.lastActivityAt, t.id),
    index("threads_by_creation").on(t.createdAt, t.id),
    index("threads_of_chat").on(t.chatId, t.lastActivityAt, t.id),
    check("threads_closed_has_time", sql`(${t.status} = 'closed') = (${t.closedAt} is not null)`),
    check("threads_position_positive", sql`${t.nextPosition} >= 1`),
  ],
);

/** Updates that were processed: a second delivery of one changes nothing. */
export const updatesSeen = snakeCase.table(
  "updates_seen",
  {
    botId: telegramId().notNull(),
    updateId: bigint({ mode: "number" }).notNull(),
    seenAt: instant().notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.botId, t.updateId] }), index("updates_seen_age").on(t.seenAt)],
);
