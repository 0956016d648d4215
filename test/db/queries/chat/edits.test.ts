import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { receiveMessage } from "../../../../src/db/queries/chat/conversations.ts";
import { type Edit, reviseMessage } from "../../../../src/db/queries/chat/edits.ts";
import { saveStaffMember } from "../../../../src/db/queries/chat/staff.ts";
import { messageRevisions, messages, runs, threads } from "../../../../src/db/schema/index.ts";
import { createTestDatabase, holdLocks, type TestDatabase } from "../../../support/database.ts";

const CHAT = { type: "private", botId: 1, telegramId: 7_001, title: null } as const;
let database: TestDatabase;
let authorId: string;
let updateId = 0;

beforeEach(async () => {
  database = await createTestDatabase();
  ({ id: authorId } = await saveStaffMember(database.db, AN));
});
afterEach(() => database.close());

const AN = { telegramUserId: 7_001, name: "An", username: null, role: "staff" } as const;

test("while its run is queued, an edit replaces the question, and the thread's title if it came from it", async () => {
  await say("beans?", 11);
  await say("and milk?", 12);

  const first = await edit("coffee beans?", 11);
  const second = await edit("and oat milk?", 12);

  expect([first?.outcome, second?.outcome]).toEqual(["replaced", "replaced"]);
  expect(await stored()).toEqual({ texts: ["coffee beans?", "and oat milk?"], title: "coffee beans?", revisions: [] });
});

test.each(["in_progress", "requires_action", "completed", "cancelled"] as const)(
  "once its run is %s, the question stays, and every edit is stored as a revision",
  async (status) => {
    await say("beans?", 11);
    await setStatus(status);

    await edit("coffee beans?", 11);
    const last = await edit("all beans?", 11);

    expect(last?.outcome).toBe("kept");
    expect(await stored()).toEqual({ texts: ["beans?"], title: "beans?", revisions: ["coffee beans?", "all beans?"] });
    expect(await database.db.$count(runs)).toBe(1);
  },
);

test("a repeated edit is stored once, and an edit without a change is not stored", async () => {
  await say("beans?", 11);
  await setStatus("completed");
  const again = { updateId: 900, authorId, telegramMessageId: 11, text: "coffee beans?" };

  const both = await Promise.all([reviseMessage(database.db, CHAT, again), reviseMessage(database.db, CHAT, again)]);
  const same = await edit("coffee beans?", 11);

  expect(both.filter(Boolean)).toHaveLength(1);
  expect(same).toBeUndefined();
  expect((await stored()).revisions).toEqual(["coffee beans?"]);
});

test("an edit of an unknown message, or of someone else's, changes nothing", async () => {
  await say("beans?", 11);
  const other = await saveStaffMember(database.db, { ...AN, telegramUserId: 7_002, name: "Binh" });

  const unknown = await edit("milk?", 12);
  const elsewhere = await reviseMessage(database.db, { ...CHAT, telegramId: 7_009 }, nextEdit("milk?", 11));
  const foreign = await reviseMessage(database.db, CHAT, { ...nextEdit("milk?", 11), authorId: other.id });

  expect([unknown, elsewhere, foreign]).toEqual([undefined, undefined, undefined]);
  expect((await stored()).texts).toEqual(["beans?"]);
});

test("an edit at the moment of the claim waits for the worker, and is only stored as a revision", async () => {
  await say("beans?", 11);
  const commit = await holdLocks(database.db, (tx) => tx.update(runs).set(RUNNING));

  const editing = edit("coffee beans?", 11);
  await expect.poll(waitingForRow).toBe(1);
  await commit();

  expect((await editing)?.outcome).toBe("kept");
  expect((await stored()).texts).toEqual(["beans?"]);
});

const RUNNING = { status: "in_progress", workerId: 1, leaseUntil: sql`now() + interval '1 minute'` } as const;

async function say(text: string, telegramMessageId: number): Promise<void> {
  updateId += 1;
  const author = { id: authorId, role: "staff" } as const;
  const message = { updateId, author, language: "en", text, forwarded: false, telegramMessageId };
  await receiveMessage(database.db, { chat: CHAT, topicId: null, ...message });
}

function edit(text: string, telegramMessageId: number) {
  return reviseMessage(database.db, CHAT, nextEdit(text, telegramMessageId));
}

function nextEdit(text: string, telegramMessageId: number): Edit {
  updateId += 1;
  return { updateId, authorId, telegramMessageId, text };
}

async function setStatus(status: "in_progress" | "requires_action" | "completed" | "cancelled"): Promise<void> {
  const isRunning = status === "in_progress" || status === "requires_action";
  await database.db.update(runs).set(isRunning ? { ...RUNNING, status } : { status, completedAt: sql`now()` });
}

async function stored() {
  const said = await database.db.select({ text: messages.text }).from(messages).orderBy(messages.position);
  const [thread] = await database.db.select({ title: threads.title }).from(threads);
  const revisions = await database.db
    .select({ text: messageRevisions.text })
    .from(messageRevisions)
    .innerJoin(messages, eq(messages.id, messageRevisions.messageId))
    .orderBy(messageRevisions.createdAt);
  return { texts: said.map(({ text }) => text), title: thread?.title, revisions: revisions.map(({ text }) => text) };
}

async function waitingForRow(): Promise<number> {
  const rows = await database.db.execute(sql`select 1 from pg_stat_activity where wait_event_type = 'Lock'
    and datname = current_database()`);
  return rows.length;
}
