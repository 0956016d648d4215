import { sql } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { publish } from "../../../src/db/notify/notify.ts";
import { forgetForeignChanges } from "../../../src/db/queries/admin/activity.ts";
import { messages, replies, runs, runText, toolCalls } from "../../../src/db/schema/index.ts";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import {
  insertChat,
  insertMessages,
  insertReply,
  insertRun,
  insertThread,
  insertToolCall,
} from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";
import { type Subscriber, subscribe } from "./subscriber.ts";

let admins: AdminClient;
const subscribers: Subscriber[] = [];
beforeAll(async () => {
  admins = await startAdminApi();
});
afterEach(async () => {
  await Promise.all(subscribers.splice(0).map((subscriber) => subscriber.close()));
  expect(admins.errors).toEqual([]);
});
afterAll(() => admins.close());

const EVENT = `{ __typename
  ... on ActivityStarted { cursor repliesInProgress { text run { id status } } }
  ... on MessageAdded { cursor thread { id } message { text role } }
  ... on ReplyText { cursor thread { id } run { id } offset delta }
  ... on RunChanged { cursor thread { id } run { id status delivery { status } } }
  ... on ToolCallChanged { cursor thread { id } toolCall { name status } } }`;
const THREAD = `subscription ($id: ID, $after: String) { threadActivity(threadId: $id, after: $after) ${EVENT} }`;
const ALL = `subscription ($filter: ActivityFilter, $after: String) { activity(filter: $filter, after: $after) ${EVENT} }`;

async function open(query: string, variables: object = {}) {
  const subscriber = await subscribe(admins, query, { variables });
  subscribers.push(subscriber);
  return subscriber;
}

/** Makes the hub poll at once instead of a second later. */
function notify() {
  return publish(admins.db, { type: "run-queued", runId: "x" });
}

async function startThread() {
  const chat = await insertChat(admins.db);
  const thread = await insertThread(admins.db, { chatId: chat.id });
  return { ...thread, globalId: encodeGlobalId("Thread", thread.id) };
}

test("a subscriber sees a thread grow: question, run, tool call, text, answer, delivery", async () => {
  const { db } = admins;
  const thread = await startThread();
  const subscriber = await open(THREAD, { id: thread.globalId });
  const started = await subscriber.event();

  const run = await insertRun(db, { threadId: thread.id, status: "in_progress" });
  await insertMessages(db, thread.id, [{ text: "what's out?", runId: run.id }]);
  await insertReply(db, { runId: run.id, chatId: thread.chatId });
  await notify();
  const asked = await subscriber.until((event) => event.__typename === "MessageAdded");
  const call = await insertToolCall(db, run, { status: "running" });
  await notify();
  const called = await subscriber.until((event) => event.__typename === "ToolCallChanged");
  await db
    .update(toolCalls)
    .set({ status: "succeeded", output: {}, completedAt: new Date() })
    .where(sql`id = ${call.id}`);
  await notify();
  const ended = await subscriber.event();
  await db.insert(runText).values({ runId: run.id, offset: 0, text: "Two " });
  await notify();
  const text = await subscriber.event();
  await db.transaction(async (tx) => {
    await tx.update(runs).set({ status: "completed", completedAt: new Date() }).where(sql`id = ${run.id}`);
    await tx.insert(messages).values({
      threadId: thread.id,
      position: 2,
      role: "assistant",
      text: "Two products.",
      visibleTo: "staff",
      runId: run.id,
    });
    await tx.delete(runText);
  });
  await notify();
  const answered = [await subscriber.event(), await subscriber.event()];
  await db.update(replies).set({ status: "delivered", deliveredAt: new Date() }).where(sql`run_id = ${run.id}`);
  await notify();
  const delivered = await subscriber.event();

  const where = { cursor: expect.any(String), thread: { id: thread.globalId } };
  const id = encodeGlobalId("Run", run.id);
  expect(started).toEqual({ __typename: "ActivityStarted", cursor: expect.any(String), repliesInProgress: [] });
  expect(asked.at(-1)).toEqual({
    ...where,
    __typename: "MessageAdded",
    message: { text: "what's out?", role: "USER" },
  });
  expect(called.at(-1).toolCall).toEqual({ name: "CheckOutOfStock", status: "RUNNING" });
  expect(ended.toolCall).toEqual({ name: "CheckOutOfStock", status: "SUCCEEDED" });
  expect(text).toEqual({ ...where, __typename: "ReplyText", run: { id }, offset: 0, delta: "Two " });
  expect(answered[0].message).toEqual({ text: "Two products.", role: "ASSISTANT" });
  expect(answered[1].run).toEqual({ id, status: "COMPLETED", delivery: { status: "PENDING" } });
  expect(delivered.run).toEqual({ id, status: "COMPLETED", delivery: { status: "DELIVERED" } });
});

test("a change without a notice is published, too", async () => {
  const thread = await startThread();
  const subscriber = await open(THREAD, { id: thread.globalId });
  await subscriber.event();

  await insertMessages(admins.db, thread.id, ["hello"]);

  expect((await subscriber.event()).message.text).toBe("hello");
});

test("a subscription that starts during an answer gets its text so far", async () => {
  const thread = await startThread();
  const run = await insertRun(admins.db, { threadId: thread.id, status: "in_progress" });
  await admins.db.insert(runText).values([
    { runId: run.id, offset: 4, text: "products" },
    { runId: run.id, offset: 0, text: "Two " },
  ]);

  const subscriber = await open(THREAD, { id: thread.globalId });

  const started = await subscriber.event();
  expect(started.repliesInProgress).toEqual([
    { text: "Two products", run: { id: encodeGlobalId("Run", run.id), status: "IN_PROGRESS" } },
  ]);
});

test("a subscription with a cursor gets the missed events, with text in one piece, and continues", async () => {
  const thread = await startThread();
  const run = await insertRun(admins.db, { threadId: thread.id, status: "in_progress" });
  const first = await open(THREAD, { id: thread.globalId });
  const { cursor } = await first.event();
  await first.close();
  for (const [index, text] of ["Two ", "products ", "are"].entries()) {
    await admins.db.insert(runText).values({ runId: run.id, offset: [0, 4, 13][index] ?? 0, text });
  }

  const again = await open(THREAD, { id: thread.globalId, after: cursor });
  const missed = await again.event();
  await admins.db.insert(runText).values({ runId: run.id, offset: 16, text: " out" });
  await notify();
  const next = await again.event();
  const third = await open(THREAD, { id: thread.globalId, after: missed.cursor });

  expect(missed).toMatchObject({ offset: 0, delta: "Two products are" });
  expect(next).toMatchObject({ offset: 16, delta: " out" });
  expect(await third.event()).toMatchObject({ offset: 16, delta: " out" });
});

test("changes of a transaction that is open at the start come once it commits", async () => {
  const thread = await startThread();
  const held = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  const writing = admins.db.transaction(async (tx) => {
    await insertMessages(tx, thread.id, ["begun early, committed late"]);
    written.resolve();
    await held.promise;
  });
  await written.promise;
  const other = await startThread();
  const subscriber = await open(ALL);
  const started = await subscriber.event();
  await insertMessages(admins.db, other.id, ["begun later, committed first"]);
  await notify();
  const first = await subscriber.event();

  held.resolve();
  await writing;
  await notify();
  const second = await subscriber.event();

  const back = await open(ALL, { after: first.cursor });
  const fromStart = await open(ALL, { after: started.cursor });
  expect(first.message.text).toBe("begun later, committed first");
  expect(second.message.text).toBe("begun early, committed late");
  expect((await back.event()).message.text).toBe("begun early, committed late");
  const both = [await fromStart.event(), await fromStart.event()].map((event) => event.message.text);
  expect(both.toSorted()).toEqual(["begun early, committed late", "begun later, committed first"]);
});

test("a renewed lease is no event", async () => {
  const thread = await startThread();
  const run = await insertRun(admins.db, { threadId: thread.id, status: "in_progress" });
  const subscriber = await open(THREAD, { id: thread.globalId });
  await subscriber.event();

  await admins.db.update(runs).set({ leaseUntil: new Date(), handovers: 1 }).where(sql`id = ${run.id}`);
  await insertMessages(admins.db, thread.id, ["after it"]);
  await notify();

  expect(await subscriber.event()).toMatchObject({ __typename: "MessageAdded" });
});

test("rows of a restored dump with future transaction numbers cause no events later", async () => {
  const thread = await startThread();
  const run = await insertRun(admins.db, { threadId: thread.id });
  await admins.db.execute(sql`update runs set changed_in = (pg_current_xact_id()::text::bigint + 5)::text::xid8
    where id = ${run.id}`);

  await forgetForeignChanges(admins.db);

  const subscriber = await open(THREAD, { id: thread.globalId });
  await subscriber.event();
  for (let index = 0; index < 10; index++) await admins.db.execute(sql`select pg_current_xact_id()`);
  await insertMessages(admins.db, thread.id, ["after all of them"]);
  await notify();
  expect(await subscriber.event()).toMatchObject({ __typename: "MessageAdded" });
});

test("a filter excludes other chats and other types", async () => {
  const [mine, other] = [await startThread(), await startThread()];
  const filter = { chatId: encodeGlobalId("Chat", mine.chatId), types: ["RUN_CHANGED"] };
  const subscriber = await open(ALL, { filter });
  const { cursor } = await subscriber.event();

  await insertMessages(admins.db, mine.id, ["no run"]);
  await insertRun(admins.db, { threadId: other.id });
  const run = await insertRun(admins.db, { threadId: mine.id });
  await notify();

  const id = encodeGlobalId("Run", run.id);
  expect((await subscriber.event()).run.id).toBe(id);
  const again = await open(ALL, { filter, after: cursor });
  expect((await again.event()).run.id).toBe(id);
});

test.each([
  ["no cursor", "x"],
  ["a cursor of a list", Buffer.from("threads.createdAt DESC - 1").toString("base64url")],
  ["an invalid snapshot", Buffer.from("activity 10:5:").toString("base64url")],
  ["transactions out of order", Buffer.from("activity 1:9:7,5").toString("base64url")],
  ["extra text", Buffer.from("activity 1:9:5 x").toString("base64url")],
  ["a future snapshot", Buffer.from("activity 9000000000:9000000000:").toString("base64url")],
  ["a number out of range", Buffer.from(`activity ${"9".repeat(19)}:${"9".repeat(19)}:`).toString("base64url")],
  ["a very long string", "A".repeat(20_000)],
])("a forged cursor is refused with a code: %s", async (_, after) => {
  const subscriber = await open(ALL, { after });

  const result = await subscriber.next();

  expect(result?.errors?.map((error) => error.extensions.code)).toEqual(["BAD_USER_INPUT"]);
  expect(await subscriber.next()).toBeUndefined();
});

test("a subscription without a token or with an id of another type is refused", async () => {
  const refused = await subscribe(admins, ALL, { token: "wrong-token-that-is-long-enough-for-a-token" });
  const wrong = await open(THREAD, { id: encodeGlobalId("Run", "01990000-0000-7000-8000-000000000000") });

  expect(refused.status).toBe(401);
  expect((await wrong.next())?.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
});
