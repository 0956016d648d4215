import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  claimWaitingReplies,
  confirmReply,
  findReplyPosition,
  markDelivered,
  markUndeliverable,
  ReplyLostError,
  recordNotSent,
  recordSending,
  releaseReply,
  saveReplyPages,
} from "../../../../src/db/queries/chat/replies.ts";
import { removeStaffMember } from "../../../../src/db/queries/chat/staff.ts";
import { replies } from "../../../../src/db/schema/index.ts";
import type { WorkerLock } from "../../../../src/db/worker-lock.ts";
import { insertChat, insertReply, insertRun, insertStaffMember, insertThread } from "../../../support/conversations.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { takeLastingLock } from "../../../support/worker-lock.ts";

const BOT_ID = 1;
/** A worker that never existed, so it is dead. */
const DEAD_WORKER = 999_999;

let store: TestDatabase;
let lock: WorkerLock;
beforeEach(async () => {
  store = await createTestDatabase();
  lock = await takeLastingLock(store.database, BOT_ID);
});
afterEach(async () => {
  await lock.release();
  await store.close();
});

/** A reply that a worker holds. */
async function newReply(
  workerId = DEAD_WORKER,
  values: Partial<Parameters<typeof insertReply>[1]> = {},
  askerId: string | null = null,
) {
  const thread = values.chatId ? null : await insertThread(store.db);
  const chatId = values.chatId ?? thread?.chatId ?? "";
  const { id: threadId } = thread ?? (await insertThread(store.db, { chatId }));
  const run = await insertRun(store.db, { threadId, askerId });
  const row = { workerId, finalText: "All is well.", ...values, runId: run.id, chatId };
  return insertReply(store.db, row);
}

const read = async (id: string) => (await store.db.select().from(replies).where(eq(replies.id, id)))[0];
const claimReplies = (openReplyIds: string[] = []) =>
  claimWaitingReplies(store.db, { botId: BOT_ID, workerId: lock.workerId, openReplyIds, limit: 10 });
const at = (second: number) => new Date(Date.UTC(2026, 10, 24, 10, 0, second));

test("a late write to a reply that is delivered, or held by another worker, changes nothing", async () => {
  const { id } = await newReply(1);
  await saveReplyPages(store.db, { id, workerId: 1 }, [11]);
  const another = { id, workerId: 2 };
  await expect(saveReplyPages(store.db, another, [12])).rejects.toThrow(ReplyLostError);
  await markDelivered(store.db, { id, workerId: 1 });
  const delivered = await read(id);

  for (const workerId of [1, 2]) {
    const late = { id, workerId };
    await expect(recordSending(store.db, late, at(1))).rejects.toThrow(ReplyLostError);
    await expect(recordNotSent(store.db, late)).rejects.toThrow(ReplyLostError);
    await expect(saveReplyPages(store.db, late, [12])).rejects.toThrow(ReplyLostError);
    await expect(markUndeliverable(store.db, late, "blocked")).rejects.toThrow(ReplyLostError);
  }

  expect(delivered).toMatchObject({ status: "delivered", telegramMessageIds: [11] });
  expect(await read(id)).toEqual(delivered);
});

test("an undeliverable reply stays undeliverable", async () => {
  const { id } = await newReply(1);
  await markUndeliverable(store.db, { id, workerId: 1 }, "blocked");

  await expect(markDelivered(store.db, { id, workerId: 1 })).rejects.toThrow(ReplyLostError);

  expect(await read(id)).toMatchObject({ status: "failed", error: "blocked", telegramMessageIds: [] });
  expect(await claimReplies()).toEqual([]);
});

test("replies of a dead worker are claimed oldest first, by a living worker, and once", async () => {
  const first = await newReply();
  const second = await newReply();
  const alive = await newReply(lock.workerId);

  const claimed = await claimReplies([alive.id]);

  expect(claimed.map(({ id, finalText }) => [id, finalText])).toEqual([
    [first.id, "All is well."],
    [second.id, "All is well."],
  ]);
  expect(await claimReplies([first.id, second.id, alive.id])).toEqual([]);
  expect(await read(alive.id)).toEqual(alive);
});

test("a claim reads the messages that the dead worker stored while the claim was running", async () => {
  const { id } = await newReply();
  // The query for living workers waits at a gate: the claim has started then, but locked no reply yet.
  await store.db.execute(sql`alter table workers rename to real_workers`);
  await store.db.execute(sql`create function pass_gate() returns boolean language plpgsql as
    'begin perform pg_advisory_xact_lock_shared(1, 1); return true; end'`);
  await store.db.execute(sql`create view workers as select * from real_workers where pass_gate()`);
  const isAtGate = async () => {
    const waiting = sql`select 1 from pg_locks where locktype = 'advisory' and classid = 1 and not granted`;
    return (await store.db.execute(waiting)).length > 0;
  };

  const claiming = await store.db.transaction(async (gate) => {
    await gate.execute(sql`select pg_advisory_xact_lock(1, 1)`);
    const claimed = claimReplies();
    await expect.poll(isAtGate).toBe(true);
    await saveReplyPages(store.db, { id, workerId: DEAD_WORKER }, [11]);
    return { claimed };
  });

  expect(await claiming.claimed).toMatchObject([{ id, telegramMessageIds: [11] }]);
});

test("a worker finds its own reply that is not in its memory: the answer to its commit was lost", async () => {
  const { id } = await newReply(lock.workerId);

  expect((await claimReplies()).map((reply) => reply.id)).toEqual([id]);
});

test("a worker with an expired lease claims nothing", async () => {
  await newReply();
  await lock.release();

  expect(await claimReplies()).toEqual([]);
});

test("each message with an unknown result counts once, whichever worker sends the next one or ends the reply", async () => {
  const [left, delivered, given] = [await newReply(), await newReply(), await newReply()];
  for (const { id } of [left, delivered, given]) {
    const claim = { id, workerId: DEAD_WORKER };
    await recordSending(store.db, claim, at(1));
    await recordSending(store.db, claim, at(2));
    // The database stored it, but its answer was lost.
    await recordSending(store.db, claim, at(2));
  }

  await markDelivered(store.db, { id: delivered.id, workerId: DEAD_WORKER });
  await markUndeliverable(store.db, { id: given.id, workerId: DEAD_WORKER }, "blocked");
  await claimReplies();

  const ends = await Promise.all([left, delivered, given].map(({ id }) => read(id)));
  expect(ends.map((end) => end?.resentCount)).toEqual([2, 2, 2]);
  expect(ends.map((end) => end?.sendingSince)).toEqual([null, null, null]);
});

test("a message that was sent, or certainly not sent, is not counted", async () => {
  const [answered, refused] = [await newReply(), await newReply()];
  await recordSending(store.db, { id: answered.id, workerId: DEAD_WORKER }, at(1));
  await recordSending(store.db, { id: refused.id, workerId: DEAD_WORKER }, at(1));

  await saveReplyPages(store.db, { id: answered.id, workerId: DEAD_WORKER }, [11]);
  await recordNotSent(store.db, { id: refused.id, workerId: DEAD_WORKER });
  await claimReplies();

  expect(await read(answered.id)).toMatchObject({ resentCount: 0, sendingSince: null, telegramMessageIds: [11] });
  expect(await read(refused.id)).toMatchObject({ resentCount: 0, sendingSince: null });
});

test("a reply is behind an earlier one in its chat until that one is delivered, by any worker, and cannot be claimed before", async () => {
  const first = await newReply(lock.workerId);
  const second = await newReply(DEAD_WORKER, { chatId: first.chatId });
  const elsewhere = await newReply();

  const before = await Promise.all([second, elsewhere].map(({ id }) => findReplyPosition(store.db, id)));
  const claimedBefore = await claimReplies([first.id]);
  await markDelivered(store.db, { id: first.id, workerId: lock.workerId });

  expect(before.map((position) => position?.isBehind)).toEqual([true, false]);
  expect(claimedBefore.map(({ id }) => id)).toEqual([elsewhere.id]);
  expect(await findReplyPosition(store.db, second.id)).toMatchObject({ isBehind: false });
  expect((await claimReplies([elsewhere.id])).map(({ id }) => id)).toEqual([second.id]);
});

test("a released reply can be claimed by the next worker", async () => {
  const { id } = await newReply(lock.workerId);

  await releaseReply(store.db, { id, workerId: lock.workerId });

  expect((await claimReplies()).map((reply) => reply.id)).toEqual([id]);
});

test("removing a person cancels replies in their private chats, but not those in groups or for others", async () => {
  const [asker, other] = [await insertStaffMember(store.db), await insertStaffMember(store.db)];
  const group = await insertChat(store.db, { type: "group" });
  const waiting = await newReply(DEAD_WORKER, { status: "partial" }, asker.id);
  const delivered = await newReply(DEAD_WORKER, { status: "delivered", deliveredAt: new Date() }, asker.id);
  const inGroup = await newReply(DEAD_WORKER, { chatId: group.id }, asker.id);
  const ofOther = await newReply(DEAD_WORKER, {}, other.id);

  await removeStaffMember(store.db, asker.telegramUserId);

  const statuses = await Promise.all([waiting, delivered, inGroup, ofOther].map(({ id }) => read(id)));
  expect(statuses.map((reply) => reply?.status)).toEqual(["failed", "delivered", "pending", "pending"]);
  await expect(confirmReply(store.db, { id: waiting.id, workerId: DEAD_WORKER })).rejects.toThrow(ReplyLostError);
  await expect(confirmReply(store.db, { id: ofOther.id, workerId: DEAD_WORKER })).resolves.toBeUndefined();
});
