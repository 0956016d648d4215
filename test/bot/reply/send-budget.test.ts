import fc from "fast-check";
import { expect, test } from "vitest";
import { createSendBudget, type Priority } from "../../../src/bot/reply/send-budget.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const PRIVATE = { telegramId: 1, isGroup: false };
const GROUP = { telegramId: -1, isGroup: true };

/** A budget with a record of when each call went out. */
function startBudget() {
  const clock = createFakeClock();
  const budget = createSendBudget(clock);
  const startedAt = clock.now();
  const sent: { at: number; name: string }[] = [];
  const send = (
    name: string,
    chat = PRIVATE,
    priority: Priority | (() => Priority) = "message",
    signal?: AbortSignal,
  ) =>
    budget
      .take(chat, typeof priority === "string" ? () => priority : priority, signal)
      .then(() => void sent.push({ at: clock.now() - startedAt, name }));
  return { clock, budget, sent, send, names: () => sent.map(({ name }) => name) };
}

test("the first message of an idle chat goes out at once", async () => {
  const { clock, sent, send } = startBudget();

  void send("hello");
  await clock.advance(0);

  expect(sent).toEqual([{ at: 0, name: "hello" }]);
});

test("in a private chat three messages may follow each other, the third a tenth of a second later, then one a second", async () => {
  const { clock, sent, send } = startBudget();

  for (const name of ["1", "2", "3", "4", "5"]) void send(name);
  await clock.advance(5_000);

  expect(sent.map(({ at }) => at)).toEqual([0, 0, 100, 1_130, 2_160]);
});

test("edits never use the last slot, so a final goes out at once between them", async () => {
  const { clock, sent, send } = startBudget();
  for (const name of ["edit 1", "edit 2", "edit 3"]) void send(name, PRIVATE, "edit");
  await clock.advance(500);

  void send("final", PRIVATE, "final");
  await clock.advance(0);

  expect(sent).toEqual([
    { at: 0, name: "edit 1" },
    { at: 100, name: "edit 2" },
    { at: 500, name: "final" },
  ]);
});

test("the most important of the waiting goes first, whatever came first", async () => {
  const { clock, budget, send, names } = startBudget();
  budget.freeze(PRIVATE, 1);
  void send("typing", PRIVATE, "typing");
  void send("edit", PRIVATE, "edit");
  void send("message", PRIVATE, "message");
  void send("final", PRIVATE, "final");

  await clock.advance(10_000);

  expect(names()).toEqual(["final", "message", "edit", "typing"]);
});

test("an edit that becomes the final one while it waits does not wait as an edit any longer", async () => {
  const { clock, budget, sent, send } = startBudget();
  let priority: Priority = "edit";
  for (const name of ["1", "2"]) void send(name);
  void send("text", PRIVATE, () => priority);
  await clock.advance(100);

  priority = "final";
  budget.reconsider(PRIVATE);
  await clock.advance(0);

  expect(sent.at(-1)).toEqual({ at: 100, name: "text" });
});

test("after a 429 nothing goes out before the window has passed, finals included", async () => {
  const { clock, budget, sent, send } = startBudget();
  budget.freeze(PRIVATE, 8);

  void send("final", PRIVATE, "final");
  await clock.advance(8_000);
  expect(sent).toEqual([]);
  await clock.advance(250);

  expect(sent).toEqual([{ at: 8_100, name: "final" }]);
});

test("a frozen chat holds no other chat up", async () => {
  const { clock, budget, send, names } = startBudget();
  budget.freeze(PRIVATE, 60);
  void send("frozen");

  void send("free", { telegramId: 2, isGroup: false });
  await clock.advance(0);

  expect(names()).toEqual(["free"]);
});

test("a group never gets a 21st call in any minute, and edits leave three of the twenty for finals", async () => {
  const { clock, sent, send, names } = startBudget();
  for (let index = 0; index < 40; index++) void send("edit", GROUP, "edit");
  await clock.advance(30_000);
  expect(sent).toHaveLength(17);

  for (let index = 0; index < 3; index++) void send("final", GROUP, "final");
  await clock.advance(5_000);

  expect(names().slice(17)).toEqual(["final", "final", "final"]);
});

test("over all chats no more than 28 go out in a second", async () => {
  const { clock, sent, send } = startBudget();

  for (let chat = 1; chat <= 100; chat++) void send(`${chat}`, { telegramId: chat, isGroup: false });
  await clock.advance(999);

  expect(sent).toHaveLength(28);
});

test("who gives up waiting takes no slot", async () => {
  const { clock, budget, send, names } = startBudget();
  const giveUp = new AbortController();
  budget.freeze(PRIVATE, 1);
  const given = send("given up", PRIVATE, "message", giveUp.signal);
  void send("kept");

  giveUp.abort(new Error("stopped"));

  await expect(given).rejects.toThrow("stopped");
  await clock.advance(5_000);
  expect(names()).toEqual(["kept"]);
});

test("tryTake takes a slot only when one is free and nobody waits", async () => {
  const { clock, budget, send } = startBudget();

  expect(budget.tryTake(PRIVATE, "typing")).toBe(true);
  expect(budget.tryTake(PRIVATE, "typing")).toBe(false);
  await clock.advance(1_030);
  budget.freeze(PRIVATE, 1);
  void send("waits");

  expect(budget.tryTake(PRIVATE, "typing")).toBe(false);
});

test("whatever is asked for, no window is ever exceeded and nothing waits for ever", async () => {
  const request = fc.record({
    chat: fc.integer({ min: 1, max: 4 }),
    priority: fc.constantFrom<Priority>("final", "message", "edit", "typing"),
    pauseMs: fc.integer({ min: 0, max: 700 }),
    freezeSeconds: fc.option(fc.integer({ min: 1, max: 5 }), { freq: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 120 }), async (requests) => {
      const clock = createFakeClock();
      const budget = createSendBudget(clock);
      const calls: { at: number; chat: number }[] = [];
      for (const { chat, priority, pauseMs, freezeSeconds } of requests) {
        const place = { telegramId: chat, isGroup: chat > 2 };
        if (freezeSeconds !== null) budget.freeze(place, freezeSeconds);
        void budget.take(place, () => priority).then(() => calls.push({ at: clock.now(), chat }));
        await clock.advance(pauseMs);
      }
      await clock.advance(1_800_000);

      expect(calls).toHaveLength(requests.length);
      expect(mostIn(calls, 1_000)).toBeLessThanOrEqual(28);
      for (const chat of [1, 2]) expect(mostIn(only(calls, chat), 1_000)).toBeLessThanOrEqual(3);
      for (const chat of [3, 4]) expect(mostIn(only(calls, chat), 60_000)).toBeLessThanOrEqual(20);
    }),
    { numRuns: 60 },
  );
});

function only(calls: { at: number; chat: number }[], chat: number) {
  return calls.filter((call) => call.chat === chat);
}

/** The most calls in any window of that length. */
function mostIn(calls: { at: number }[], windowMs: number): number {
  return Math.max(
    0,
    ...calls.map(({ at }) => calls.filter((other) => other.at >= at && other.at < at + windowMs).length),
  );
}
