/** Rows of conversations for tests, each with what it needs and nothing more; what is given wins over the defaults. */
import { randomUUIDv7 } from "node:crypto";
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../src/db/client.ts";
import { chats, messages, replies, runs, staff, threads, toolCalls } from "../../src/db/schema/index.ts";

/** What a row is made of: values, or SQL for what JavaScript cannot hold. */
type Insert<Table extends { $inferInsert: object }> = {
  [Column in keyof Table["$inferInsert"]]?: Table["$inferInsert"][Column] | SQL;
};

/** An instant to the microsecond, as a `Date` cannot hold it. */
export function instant(text: string): SQL {
  return sql`${text}::timestamptz`;
}

/** A Telegram id that no other row of the run has. */
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

/** Closed, since a chat has only one open thread; without a `chatId` in a chat of its own. */
export async function insertThread(db: Db, values: Insert<typeof threads> = {}) {
  const chatId = values.chatId ?? (await insertChat(db)).id;
  const row = { status: "closed" as const, closedAt: values.status === "open" ? null : new Date(), ...values, chatId };
  return one(await db.insert(threads).values(row).returning());
}

/** Messages of one thread, in the order given, staff member and Assistant by turns unless said otherwise. */
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

/** A run that completed, unless `status` says otherwise. */
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

/** A call that succeeded, unless `status` says otherwise. */
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
  if (row === undefined) throw new Error("the insert gave no row back");
  return row;
}
