import { randomUUIDv7 } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { newestRuns, readHistory } from "../../src/assistant/history.ts";
import type { ClaimedRun } from "../../src/db/queries/runs/run-queue.ts";
import type { StaffRole } from "../../src/shop/roles.ts";
import { insertMessages, insertRun, insertThread } from "../support/conversations.ts";
import { createTestDatabase } from "../support/database.ts";

interface Exchange {
  asked: string;
  answered?: string;
  role?: StaffRole;
}

/** A thread with these runs and a last question. @returns the input for a person with `role`. */
async function historyOf(exchanges: readonly Exchange[], role: StaffRole = "staff") {
  const { db, close } = await createTestDatabase();
  onTestFinished(close);
  const { id: threadId } = await insertThread(db);
  let position = 0;
  const store = async ({ asked, answered, role: askerRole = "staff" }: Exchange) => {
    position += 1;
    const run = await insertRun(db, { threadId, position, askerRole });
    const texts = [
      { text: asked, role: "user" as const },
      { text: answered, role: "assistant" as const },
    ];
    const rows = texts.flatMap(({ text, role: by }, i) =>
      text === undefined ? [] : [{ text, role: by, runId: run.id, visibleTo: askerRole, position: position * 2 + i }],
    );
    await insertMessages(db, threadId, rows);
    return run;
  };
  for (const each of exchanges) await store(each);
  const run = await store({ asked: "and now?", role });
  const claimed: ClaimedRun = {
    id: run.id,
    threadId,
    workerId: 1,
    attempt: 1,
    handovers: 0,
    queuedMs: 1,
    position: run.position,
    language: "en",
    asker: { id: null, name: null, role },
    chat: {
      id: randomUUIDv7(),
      type: "private",
      telegramId: 1,
      window: { savedBy: null, callAgesMs: [], restedInMs: 0, frozenForMs: 0 },
    },
    topicId: null,
    stopRequested: false,
    hasAttachment: false,
    queuedAt: new Date(),
    reply: null,
  };
  return (await readHistory(db, claimed)).messages;
}

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

test("earlier questions and answers are in their order, and the question is last", async () => {
  const history = await historyOf([
    { asked: "stock?", answered: "fine" },
    { asked: "stopped question" },
    { asked: "revenue?", answered: "187.000 ₫" },
  ]);

  expect(history).toEqual([
    user("stock?"),
    assistant("fine"),
    user("stopped question"),
    user("revenue?"),
    assistant("187.000 ₫"),
    user("and now?"),
  ]);
});

test("messages by or for a higher role are left out for a lower one", async () => {
  const exchanges: Exchange[] = [
    { asked: "by staff", answered: "for staff", role: "staff" },
    { asked: "by the manager", answered: "for the manager", role: "manager" },
    { asked: "by the owner", answered: "for the owner", role: "owner" },
  ];

  const [staff, manager, owner] = await Promise.all(
    (["staff", "manager", "owner"] as const).map((role) => historyOf(exchanges, role)),
  );

  expect(staff).toEqual([user("by staff"), assistant("for staff"), user("and now?")]);
  expect(manager?.map(({ content }) => content)).toEqual([
    "by staff",
    "for staff",
    "by the manager",
    "for the manager",
    "and now?",
  ]);
  expect(owner).toHaveLength(7);
});

test("of a long thread the newest hundred messages are used, without a run that the limit cuts", async () => {
  const runs = Array.from({ length: 51 }, (_, n) => ({ asked: `question ${n}`, answered: `answer ${n}` }));
  const evenly = await historyOf(runs);
  const unevenly = await historyOf([...runs, { asked: "stopped question" }]);

  expect(evenly).toHaveLength(101);
  expect(evenly[0]).toEqual(user("question 1"));
  expect(unevenly).toHaveLength(100);
  expect(unevenly[0]).toEqual(user("question 2"));
});

test("runs beyond the limit of characters are left out whole, the oldest first", async () => {
  const history = await historyOf([
    { asked: "a", answered: "b" },
    { asked: "c", answered: "x".repeat(59_990) },
    { asked: "0123456", answered: "de" },
  ]);

  expect(history.map(({ content }) => content)).toEqual(["c", "x".repeat(59_990), "0123456", "de", "and now?"]);
});

test("the history stops at a run that is too long: there are no gaps", () => {
  const run = (runId: string, ...texts: string[]) => texts.map((text) => ({ runId, text }));
  const history = [...run("1", "a", "b"), ...run("2", "cccc", "dddd"), ...run("3", "e", "f")];

  const kept = [1, 2, 9, 10, 11, 12].map((most) =>
    newestRuns(history, most)
      .map(({ text }) => text)
      .join(" "),
  );

  expect(kept).toEqual(["", "e f", "e f", "cccc dddd e f", "cccc dddd e f", "a b cccc dddd e f"]);
  expect(newestRuns([], 10)).toEqual([]);
});

test("a new thread has only the question", async () => {
  expect(await historyOf([])).toEqual([user("and now?")]);
});
