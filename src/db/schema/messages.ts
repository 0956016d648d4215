/**
 * Messages, exactly as they were written.
 *
 * A migration adds `messages.search`, the words of the text as `words_of` folds them, with its index `messages_by_words`. It
 * is not a column here, so that reading a message does not read it (see `queries/search/`).
 */
import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  pgEnum,
  snakeCase,
  text,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { threads } from "./chats.ts";
import { changedIn, id, instant } from "./columns.ts";
import { runs } from "./runs.ts";
import { staff, staffRole } from "./staff.ts";

export const messageRole = pgEnum("message_role", ["user", "assistant"]);

export const messages = snakeCase.table(
  "messages",
  {
    id: id(),
    threadId: uuid()
      .notNull()
      .references(() => threads.id),
    position: integer().notNull(),
    role: messageRole().notNull(),
    /** The exact text: not trimmed, without markup. */
    text: text().notNull(),
    authorId: uuid().references(() => staff.id),
    /** A forwarded message of another author: the model gets it as quoted data. */
    forwarded: boolean().notNull().default(false),
    /** A picture or a file came with it. It is not stored, and the model does not see it. */
    hasAttachment: boolean().notNull().default(false),
    /** Telegram's id of the album that it belongs to; null for none. */
    mediaGroupId: text(),
    /** What the author replied to, as plain text and shortened: the part that they selected, or all of it. Null for no reply. */
    quoteText: text(),
    /** All of the message that it is a part of. Null when `quoteText` is all, or nothing else is known. */
    quoteContext: text(),
    /** The message that the author replied to, when it is one of ours. */
    quoteMessageId: uuid().references((): AnyPgColumn => messages.id),
    /** The lowest role that may read the quote; null for everybody. */
    quoteVisibleTo: staffRole(),
    /** The author's effective role at that time. In a group, the history omits messages above the asker's role. */
    visibleTo: staffRole().notNull(),
    /** The run that answers it (user) or produced it (assistant). */
    runId: uuid(),
    /** Telegram's id of a person's message, to reply to. `replies` has those of the Assistant's messages. */
    telegramMessageId: bigint({ mode: "number" }),
    /** When it was written; for a person's message by Telegram's clock. `createdAt` is when it was stored. */
    sentAt: instant().notNull().defaultNow(),
    createdAt: instant().notNull().defaultNow(),
    /** When it was complete; null for an incomplete message of the Assistant. */
    completedAt: instant(),
    changedIn: changedIn(),
  },
  (t) => [
    unique("messages_in_thread").on(t.threadId, t.position),
    uniqueIndex("messages_one_answer").on(t.runId).where(sql`${t.role} = 'assistant'`),
    index("messages_of_run").on(t.runId),
    index("messages_newest").on(t.createdAt, t.id),
    index("messages_of_author").on(t.authorId, t.createdAt, t.id),
    index("messages_sent_by").on(t.authorId, t.sentAt).where(sql`${t.authorId} is not null`),
    index("messages_changed").on(t.changedIn),
    index("messages_in_telegram").on(t.telegramMessageId).where(sql`${t.telegramMessageId} is not null`),
    foreignKey({ name: "messages_run", columns: [t.runId, t.threadId], foreignColumns: [runs.id, runs.threadId] }),
    check(
      "messages_quote_has_text",
      sql`${t.quoteText} is not null or num_nonnulls(${t.quoteContext}, ${t.quoteMessageId}, ${t.quoteVisibleTo}) = 0`,
    ),
    check("messages_position_positive", sql`${t.position} >= 1`),
  ],
);

/** Edits of a person's message after its run had started. They are stored, and not answered. */
export const messageRevisions = snakeCase.table(
  "message_revisions",
  {
    id: id(),
    messageId: uuid()
      .notNull()
      .references(() => messages.id),
    text: text().notNull(),
    createdAt: instant().notNull().defaultNow(),
  },
  (t) => [index("message_revisions_of_message").on(t.messageId, t.createdAt)],
);
