/** Runs, with their rounds, the model's items, the tool calls and the text so far. */
import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgEnum,
  primaryKey,
  snakeCase,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { ENDED_STATUSES, FIRST_STATUS, OPEN_STATUSES, RUNNING_STATUSES } from "../../run-states.ts";
import { threads } from "./chats.ts";
import { changedIn, durationMs, id, instant } from "./columns.ts";
import { hasNoStatus, hasStatus, runStatus, statusLiteral } from "./run-status.ts";
import { staff, staffRole } from "./staff.ts";

export const inputCut = pgEnum("input_cut", ["none", "older_runs", "question_only", "by_server"]);
export const toolCallStatus = pgEnum("tool_call_status", ["pending", "running", "succeeded", "failed"]);

export const runs = snakeCase.table(
  "runs",
  {
    id: id(),
    threadId: uuid()
      .notNull()
      .references(() => threads.id),
    /** The position of the message that it answers: the runs of a thread are worked on in this order. */
    position: integer().notNull(),
    status: runStatus().notNull().default(FIRST_STATUS),
    /** The person who asks, and the role that counts for this run: in a group the lower of the person's and the group's. */
    askerId: uuid().references(() => staff.id),
    askerRole: staffRole().notNull(),
    /** The person's language, `en` or `vi`. */
    language: text().notNull(),
    model: text(),
    /** How often a worker has claimed it. Fences the writes of a worker that was taken for dead. */
    attempt: integer().notNull().default(0),
    /** How many attempts do not count against the run: they ended by a shutdown, or because the database was unavailable. */
    handovers: integer().notNull().default(0),
    /** The failed run whose question it asks again: somebody pressed the Retry button. */
    retryOf: uuid().references((): AnyPgColumn => runs.id),
    workerId: integer(),
    leaseUntil: instant(),
    stopRequestedAt: instant(),
    /** No worker claims it before: its question may go on in the next message. Null for most. */
    waitsUntil: instant(),
    errorCode: text(),
    errorMessage: text(),
    /** What the model did not get of the thread. */
    inputCut: inputCut().notNull().default("none"),
    inputTokens: integer(),
    cachedInputTokens: integer(),
    outputTokens: integer(),
    reasoningTokens: integer(),
    queuedAt: instant().notNull().defaultNow(),
    startedAt: instant(),
    firstTokenAt: instant(),
    completedAt: instant(),
    durationMs: durationMs("started_at", "completed_at"),
    changedIn: changedIn(),
  },
  (t) => [
    unique("runs_in_thread").on(t.threadId, t.position),
    // Messages and tool calls refer to a run and its thread together, so that the two can never disagree.
    unique("runs_with_thread").on(t.id, t.threadId),
    // However often the button is pressed, the question is asked again only once.
    unique("runs_retried_once").on(t.retryOf),
    uniqueIndex("runs_one_running").on(t.threadId).where(hasStatus(t.status, RUNNING_STATUSES)),
    index("runs_open").on(t.queuedAt, t.threadId, t.position).where(hasStatus(t.status, OPEN_STATUSES)),
    index("runs_newest").on(t.queuedAt, t.id),
    index("runs_by_status").on(t.status, t.queuedAt, t.id),
    index("runs_of_asker").on(t.askerId, t.queuedAt, t.id),
    index("runs_by_error").on(t.errorCode, t.queuedAt, t.id).where(sql`${t.errorCode} is not null`),
    index("runs_by_duration").on(t.durationMs, t.id),
    index("runs_changed").on(t.changedIn),
    check("runs_ended_has_time", sql`(${hasStatus(t.status, ENDED_STATUSES)}) = (${t.completedAt} is not null)`),
    check(
      "runs_running_has_worker",
      sql`${hasNoStatus(t.status, RUNNING_STATUSES)} or (${t.workerId} is not null and ${t.leaseUntil} is not null)`,
    ),
    check("runs_failed_has_code", sql`${t.status} <> ${statusLiteral("failed")} or ${t.errorCode} is not null`),
  ],
);

/** The finished model calls of a run: parameters, tokens, times. The model's output is in `run_items`. */
export const runRounds = snakeCase.table(
  "run_rounds",
  {
    runId: uuid()
      .notNull()
      .references(() => runs.id),
    round: integer().notNull(),
    model: text().notNull(),
    /** The version of the prompt and of the tools' descriptions: equal versions, equal texts. */
    promptVersion: text().notNull(),
    /** The parameters of the call besides its input, such as the limit of output tokens. */
    settings: jsonb().notNull(),
    inputTokens: integer(),
    cachedInputTokens: integer(),
    outputTokens: integer(),
    reasoningTokens: integer(),
    startedAt: instant().notNull(),
    firstTokenAt: instant(),
    completedAt: instant().notNull(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.round] })],
);

/** The model's output in a round, item by item as it is sent back to the model: reasoning, calls, text. */
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
    /** Its position among the calls of the round. */
    position: integer().notNull(),
    /** The model's id of the call: its output is sent back under this id. */
    callId: text().notNull(),
    name: text().notNull(),
    /** As the model wrote them; a JSON string of the raw text when that is not JSON. */
    arguments: jsonb().notNull(),
    output: jsonb(),
    error: text(),
    status: toolCallStatus().notNull().default("pending"),
    createdAt: instant().notNull().defaultNow(),
    startedAt: instant(),
    completedAt: instant(),
    durationMs: durationMs("started_at", "completed_at"),
    changedIn: changedIn(),
  },
  (t) => [
    unique("tool_calls_of_run").on(t.runId, t.round, t.position),
    unique("tool_calls_call_id").on(t.runId, t.round, t.callId),
    index("tool_calls_of_thread").on(t.threadId, t.createdAt, t.id),
    index("tool_calls_newest").on(t.createdAt, t.id),
    index("tool_calls_by_name").on(t.name, t.createdAt, t.id),
    index("tool_calls_failed").on(t.createdAt, t.id).where(sql`${t.status} = 'failed'`),
    index("tool_calls_by_duration").on(t.durationMs, t.id),
    index("tool_calls_changed").on(t.changedIn),
    foreignKey({ name: "tool_calls_run", columns: [t.runId, t.threadId], foreignColumns: [runs.id, runs.threadId] }),
    check(
      "tool_calls_ended_has_output",
      sql`(${t.status} in ('succeeded', 'failed')) = (${t.output} is not null and ${t.completedAt} is not null)`,
    ),
    check("tool_calls_failed_has_error", sql`(${t.status} = 'failed') = (${t.error} is not null)`),
  ],
);

/** The text so far of a run, appended at most five times a second. `offset` is in UTF-16 units of the whole text. */
export const runText = snakeCase.table(
  "run_text",
  {
    runId: uuid()
      .notNull()
      .references(() => runs.id),
    offset: integer("offset").notNull(),
    text: text().notNull(),
    createdAt: timestamp({ withTimezone: true, mode: "date" }).notNull().defaultNow(),
    changedIn: changedIn(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.offset] }), check("run_text_offset", sql`${t.offset} >= 0`)],
);
