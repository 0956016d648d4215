/**
 * Conversations: chats, threads, messages, runs with their items and tool calls, replies and the text so far.
 *
 * `chats.telegram_id` may change (a group becomes a supergroup); everything else hangs on our own ids. What the
 * migration adds by hand, since drizzle-kit has no word for it: `threads_one_open`, a partial unique index with
 * NULLS NOT DISTINCT (see `drizzle/`).
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
  jsonb,
  pgEnum,
  pgSequence,
  primaryKey,
  snakeCase,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { id, instant, telegramId } from "./columns.ts";
import { staff, staffRole } from "./staff.ts";

export const chatType = pgEnum("chat_type", ["private", "group", "supergroup", "terminal"]);
export const threadStatus = pgEnum("thread_status", ["open", "closed"]);
export const messageRole = pgEnum("message_role", ["user", "assistant"]);
export const runStatus = pgEnum("run_status", [
  "queued",
  "in_progress",
  "requires_action",
  "completed",
  "failed",
  "cancelled",
  "incomplete",
]);
export const toolCallStatus = pgEnum("tool_call_status", ["pending", "running", "succeeded", "failed"]);
export const deliveryStatus = pgEnum("delivery_status", ["pending", "partial", "delivered", "failed"]);

/** Numbers the workers of all processes; each holds an advisory lock on its number while it lives. */
export const workerIds = pgSequence("worker_ids", { maxValue: 2_147_483_647, cycle: true });

/** Workers by their numbers. One lives while it holds its lock and its lease lasts; once it has run out, it never lives again. */
export const workers = snakeCase.table(
  "workers",
  {
    id: integer().primaryKey(),
    /** Telegram's id of the bot for whose chats it works; null for a terminal. */
    botId: telegramId(),
    startedAt: instant().notNull().defaultNow(),
    leaseUntil: instant().notNull(),
  },
  (t) => [index("workers_of_bot").on(t.botId, t.leaseUntil)],
);

/** Which worker fetches the updates of a bot. */
export const pollers = snakeCase.table("pollers", {
  botId: telegramId().primaryKey(),
  workerId: integer().notNull(),
});

export const chats = snakeCase.table(
  "chats",
  {
    id: id(),
    /** Telegram's id of the bot; null for the terminal (`npm run ask`). */
    botId: telegramId(),
    telegramId: telegramId(),
    type: chatType().notNull(),
    title: text(),
    /** In a group nobody has more rights than this, whoever asks. Meaningless in a private chat. */
    roleCeiling: staffRole().notNull().default("staff"),
    /** What Telegram was sent lately, for the next process that sends there: calls that may still count, oldest first. */
    callsAt: instant().array().notNull().default([]),
    /** When all of a burst may be sent again. */
    restedAt: instant(),
    /** Telegram asked to send nothing before then. */
    frozenUntil: instant(),
    /** The worker that noted the three; it knows better by itself. */
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
    /** The forum topic, for `is_topic_message` only; null for the chat itself. */
    topicId: bigint({ mode: "number" }),
    /** The first question, shortened; null until there is one. */
    title: text(),
    status: threadStatus().notNull().default("open"),
    /** The position that the next message gets: read and moved under this row's lock. */
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

export const runs = snakeCase.table(
  "runs",
  {
    id: id(),
    threadId: uuid()
      .notNull()
      .references(() => threads.id),
    /** The position of the message that it answers: runs of a thread are worked in this order. */
    position: integer().notNull(),
    status: runStatus().notNull().default("queued"),
    /** Who asks, with the role that counts for this run: in a group the lower of the person's and the group's. */
    askerId: uuid().references(() => staff.id),
    askerRole: staffRole().notNull(),
    /** The person's language, `en` or `vi`. */
    language: text().notNull(),
    model: text(),
    /** How often a worker has begun it; fences every write of a worker that was thought dead. */
    attempt: integer().notNull().default(0),
    /** How many of its attempts ended in good order, by a shutdown or because the database was away: no fault of the run's. */
    handovers: integer().notNull().default(0),
    /** The failed run whose question it asks again, by the Retry button. */
    retryOf: uuid().references((): AnyPgColumn => runs.id),
    workerId: integer(),
    leaseUntil: instant(),
    stopRequestedAt: instant(),
    errorCode: text(),
    errorMessage: text(),
    inputTokens: integer(),
    cachedInputTokens: integer(),
    outputTokens: integer(),
    reasoningTokens: integer(),
    queuedAt: instant().notNull().defaultNow(),
    startedAt: instant(),
    firstTokenAt: instant(),
    completedAt: instant(),
  },
  (t) => [
    unique("runs_in_thread").on(t.threadId, t.position),
    // Lets messages and tool calls refer to a run and its thread together, so that the two can never disagree.
    unique("runs_with_thread").on(t.id, t.threadId),
    // However often the button is pressed, the question is asked again once.
    unique("runs_retried_once").on(t.retryOf),
    uniqueIndex("runs_one_running").on(t.threadId).where(sql`${t.status} in ('in_progress', 'requires_action')`),
    index("runs_open")
      .on(t.queuedAt, t.threadId, t.position)
      .where(sql`${t.status} in ('queued', 'in_progress', 'requires_action')`),
    index("runs_newest").on(t.queuedAt, t.id),
    index("runs_by_status").on(t.status, t.queuedAt, t.id),
    check(
      "runs_ended_has_time",
      sql`(${t.status} in ('completed', 'failed', 'cancelled', 'incomplete')) = (${t.completedAt} is not null)`,
    ),
    check(
      "runs_running_has_worker",
      sql`${t.status} not in ('in_progress', 'requires_action') or (${t.workerId} is not null and ${t.leaseUntil} is not null)`,
    ),
    check("runs_failed_has_code", sql`${t.status} <> 'failed' or ${t.errorCode} is not null`),
  ],
);

export const messages = snakeCase.table(
  "messages",
  {
    id: id(),
    threadId: uuid()
      .notNull()
      .references(() => threads.id),
    position: integer().notNull(),
    role: messageRole().notNull(),
    /** Exactly what was said: never trimmed, never marked up. */
    text: text().notNull(),
    authorId: uuid().references(() => staff.id),
    /** Written by somebody else and passed on: the model gets it as quoted data. */
    forwarded: boolean().notNull().default(false),
    /** The role that counted when it was said: in a group, what is above the asker's role is left out of the history. */
    visibleTo: staffRole().notNull(),
    /** The run that answers it (user) or that said it (assistant). */
    runId: uuid(),
    /** Telegram's id of a person's message, to reply to. The Assistant's are with the reply. */
    telegramMessageId: bigint({ mode: "number" }),
    createdAt: instant().notNull().defaultNow(),
    /** When it was complete; null for an Assistant's message that was cut short. */
    completedAt: instant(),
  },
  (t) => [
    unique("messages_in_thread").on(t.threadId, t.position),
    uniqueIndex("messages_one_answer").on(t.runId).where(sql`${t.role} = 'assistant'`),
    index("messages_of_run").on(t.runId),
    index("messages_newest").on(t.createdAt, t.id),
    index("messages_of_author").on(t.authorId, t.createdAt, t.id),
    index("messages_in_telegram").on(t.telegramMessageId).where(sql`${t.telegramMessageId} is not null`),
    foreignKey({ name: "messages_run", columns: [t.runId, t.threadId], foreignColumns: [runs.id, runs.threadId] }),
    check("messages_position_positive", sql`${t.position} >= 1`),
  ],
);

/** What a person's message was changed to after its run had begun: kept, and never answered. */
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

/** What the model said in a round, item by item as it must go back to it: reasoning, calls, text. */
export const runItems = snakeCase.table(
  "run_items",
  {
    runId: uuid()
      .notNull()
      .references(() => runs.id),
    round: integer().notNull(),
    position: integer().notNull(),
    item: jsonb().notNull(),
    createdAt: instant().notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.round, t.position] })],
);

export const toolCalls = snakeCase.table(
  "tool_calls",
  {
    id: id(),
    runId: uuid().notNull(),
    threadId: uuid().notNull(),
    round: integer().notNull(),
    /** Its place among the calls of the round. */
    position: integer().notNull(),
    /** The model's id of the call: its output goes back under it. */
    callId: text().notNull(),
    name: text().notNull(),
    /** As the model wrote them; a JSON string of the raw text where that is not JSON. */
    arguments: jsonb().notNull(),
    output: jsonb(),
    error: text(),
    status: toolCallStatus().notNull().default("pending"),
    createdAt: instant().notNull().defaultNow(),
    startedAt: instant(),
    completedAt: instant(),
  },
  (t) => [
    unique("tool_calls_of_run").on(t.runId, t.round, t.position),
    unique("tool_calls_call_id").on(t.runId, t.round, t.callId),
    index("tool_calls_of_thread").on(t.threadId, t.createdAt, t.id),
    index("tool_calls_newest").on(t.createdAt, t.id),
    index("tool_calls_by_name").on(t.name, t.createdAt, t.id),
    foreignKey({ name: "tool_calls_run", columns: [t.runId, t.threadId], foreignColumns: [runs.id, runs.threadId] }),
    check(
      "tool_calls_ended_has_output",
      sql`(${t.status} in ('succeeded', 'failed')) = (${t.output} is not null and ${t.completedAt} is not null)`,
    ),
    check("tool_calls_failed_has_error", sql`(${t.status} = 'failed') = (${t.error} is not null)`),
  ],
);

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
  },
  (t) => [
    index("replies_waiting").on(t.chatId, t.number).where(sql`${t.status} in ('pending', 'partial')`),
    check("replies_delivered_has_time", sql`(${t.status} = 'delivered') = (${t.deliveredAt} is not null)`),
    check("replies_failed_has_error", sql`${t.status} <> 'failed' or ${t.error} is not null`),
  ],
);

/** The text so far of a run, appended at most five times a second; `offset` in UTF-16 units of the whole text. */
export const runText = snakeCase.table(
  "run_text",
  {
    runId: uuid()
      .notNull()
      .references(() => runs.id),
    offset: integer("offset").notNull(),
    text: text().notNull(),
    createdAt: timestamp({ withTimezone: true, mode: "date" }).notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.offset] }), check("run_text_offset", sql`${t.offset} >= 0`)],
);

/** Updates that were taken in: a second delivery of one changes nothing. */
export const updatesSeen = snakeCase.table(
  "updates_seen",
  {
    botId: telegramId().notNull(),
    updateId: bigint({ mode: "number" }).notNull(),
    seenAt: instant().notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.botId, t.updateId] }), index("updates_seen_age").on(t.seenAt)],
);
