/** Inserts rows of conversations for tests. Each row has only the required values; `values` override them. */
import { randomUUIDv7 } from "node:crypto";
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../src/db/client.ts";
import { chats, messages, replies, runs, staff, threads, toolCalls } from "../../src/db/schema/index.ts";

/** The values of a row. SQL expressions are for values that JavaScript cannot represent. */
type Insert<Table extends { $inferInsert: object }> = {
  [Column in keyof Table["$inferInsert"]]?: Table["$inferInsert"][Column] | SQL;
};

/** A timestamp with microseconds, which a `Date` cannot represent. */
export function instant(text: string): SQL {
  return sql`${text}::timestamptz`;
}

/** A Telegram id that is unique in this test run. */
function newTelegramId(): number {
  telegramIds += 1;
  return telegramIds;
}
let telegramIds = 1_000_000;

export async function insertStaffMember(db: Db, values: Insert<typeof staff> = {}) {
  const row = { telegramUserId: newTelegramId(), name: "Linh", role: "staff" as const, ...values };
  return one(await db.insert(staff).values(row).returning());
}

export async function insertChat(db: Db, values: Insert<typeof chats> = {}) {
  const row = { botId: 1, telegramId: newTelegramId(), type: "private" as const, title: "Linh", ...values };
  return one(await db.insert(chats).values(row).returning());
}

/** Inserts a closed thread by default, since a chat can have only one open thread. Default `chatId`: a new chat. */
export async function insertThread(db: Db, values: Insert<typeof threads> = {}) {
  const chatId = values.chatId ?? (await insertChat(db)).id;
  const row = { status: "closed" as const, closedAt: values.status === "open" ? null : new Date(), ...values, chatId };
  return one(await db.insert(threads).values(row).returning());
}

/** Inserts messages of one thread in this order. By default the staff member and the Assistant alternate. */
export function insertMessages(db: Db, threadId: string, texts: readonly (string | Insert<typeof messages>)[]) {
  const rows = texts.map((text, index) => ({
    threadId,
    position: index + 1,
    role: index % 2 === 0 ? ("user" as const) : ("assistant" as const),
    text: "hello",
    visibleTo: "staff" as const,
    completedAt: new Date(),
    ...(typeof text === "string" ? { text } : text),
  }));
  return db.insert(messages).values(rows).returning();
}

/** Inserts a run, by default a completed one. */
export async function insertRun(db: Db, values: Insert<typeof runs> & { threadId: string }) {
  const { status = "completed" } = values;
  const isRunning = status === "in_progress" || status === "requires_action";
  const row = {
    status,
    position: 1,
    askerRole: "staff" as const,
    language: "en",
    completedAt: isRunning || status === "queued" ? null : new Date(),
    ...(isRunning && { workerId: 1, leaseUntil: new Date(Date.now() + 60_000) }),
    ...(status === "failed" && { errorCode: "MODEL_FAILED" }),
    ...values,
  };
  return one(await db.insert(runs).values(row).returning());
}

/** Inserts a tool call, by default a succeeded one. */
export async function insertToolCall(
  db: Db,
  run: { id: string; threadId: string },
  values: Insert<typeof toolCalls> = {},
) {
  const { status = "succeeded" } = values;
  const hasEnded = status === "succeeded" || status === "failed";
  const row = {
    runId: run.id,
    threadId: run.threadId,
    round: 1,
    position: 1,
    callId: randomUUIDv7(),
    name: "CheckOutOfStock",
    arguments: {},
    status,
    ...(hasEnded && { output: { ok: true }, completedAt: new Date() }),
    ...(status === "failed" && { error: "TIMEOUT" }),
    ...values,
  };
  return one(await db.insert(toolCalls).values(row).returning());
}

export async function insertReply(db: Db, values: Insert<typeof replies> & { runId: string; chatId: string }) {
  return one(await db.insert(replies).values(values).returning());
}

function one<Row>([row]: Row[]): Row {
  if (row === undefined) throw new Error("the insert returned no row");
  return row;
}
