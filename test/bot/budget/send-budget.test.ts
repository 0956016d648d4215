import { expect, test } from "vitest";
import { type BudgetChat, createSendBudget, type Priority, type Slot } from "../../../src/bot/budget/send-budget.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { fc } from "../../support/property.ts";

const PRIVATE = { telegramId: 1, isGroup: false };
const GROUP = { telegramId: -1, isGroup: true };

/** A budget that records when each call was made. Calls end at once unless the test takes their slots. */
function startBudget(callsPerSecond?: number) {
  const clock = createFakeClock();
  const budget = createSendBudget({ clock, ...(callsPerSecond === undefined ? {} : { callsPerSecond }) });
  const startedAt = clock.now();
  const sent: { at: number; name: string }[] = [];
  const take = async (name: string, chat: BudgetChat, priority: Priority | (() => Priority), signal?: AbortSignal) => {
    const slot = await budget.take(chat, typeof priority === "string" ? () => priority : priority, signal);
    sent.push({ at: clock.now() - startedAt, name });
    return slot;
  };
  const send = async (
    name: string,
    chat: BudgetChat = PRIVATE,
    priority: Priority | (() => Priority) = "message",
    signal?: AbortSignal,
  ) => (await take(name, chat, priority, signal)).end();
  return {
    clock,
    budget,
    sent,
    take,
    send,
    names: () => sent.map(({ name }) => name),
    times: () => sent.map(({ at }) => at),
  };
}

test("the first message of an idle chat goes out at once", async () => {
  const { clock, sent, send } = startBudget();

  void send("hello");
  await clock.advance(0);

  expect(sent).toEqual([{ at: 0, name: "hello" }]);
});

test("in a private chat three messages may follow each other, the third a tenth of a second later, then one a second", async () => {
  const { clock, send, times } = startBudget();

  for (const name of ["1", "2", "3", "4", "5"]) void send(name);
  await clock.advance(5_000);

  expect(times()).toEqual([0, 0, 100, 1_130, 2_160]);
});

test("edits come twice a second while there is credit, then one a second", async () => {
  const { clock, send, times } = startBudget();

  void send("first text");
  for (const name of ["1", "2", "3", "4"]) void send(name, PRIVATE, "edit");
  await clock.advance(5_000);

  expect(times()).toEqual([0, 500, 1_130, 2_160, 3_190]);
});

test("edits never use the last slot, so a final goes out at once between them", async () => {
  const { clock, sent, send } = startBudget();
  for (const name of ["edit 1", "edit 2", "edit 3"]) void send(name, PRIVATE, "edit");
  await clock.advance(600);

  void send("final", PRIVATE, "final");
  await clock.advance(0);

  expect(sent).toEqual([
    { at: 0, name: "edit 1" },
    { at: 500, name: "edit 2" },
    { at: 600, name: "final" },
  ]);
});

test("a slow call earns no credit in flight, so that later calls are not too early", async () => {
  const { clock, take, send, times } = startBudget();
  const slow = await take("slow", PRIVATE, "message");
  await clock.advance(2_000);

  slow.end();
  for (const name of ["2", "3", "4"]) void send(name, PRIVATE, "final");
  await clock.advance(5_000);

  expect(times()).toEqual([0, 2_000, 2_100, 3_130]);
});

test("a returned slot is free for the next call", async () => {
  const { clock, take, send, times } = startBudget(2);
  const unused = await take("nothing to send", PRIVATE, "message");

  unused.giveBack();
  void send("something");
  await clock.advance(0);

  expect(times()).toEqual([0, 0]);
});

test("the most important waiting call goes first, in any order of arrival", async () => {
  const { clock, budget, send, names } = startBudget();
  budget.freeze(PRIVATE, 1);
  void send("typing", PRIVATE, "typing");
  void send("edit", PRIVATE, "edit");
  void send("message", PRIVATE, "message");
  void send("final", PRIVATE, "final");

  await clock.advance(20_000);

  expect(names()).toEqual(["final", "message", "edit", "typing"]);
});

test("an edit that becomes the final one while it waits has the priority of a final", async () => {
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

test("after a 429 a chat is slower for a while, and slowly recovers", async () => {
  const { clock, budget, send, times } = startBudget();
  budget.freeze(PRIVATE, 3);

  for (let index = 0; index < 30; index++) void send("edit", PRIVATE, "edit");
  await clock.advance(60_000);

  const pauses = times().map((at, index) => at - (times()[index - 1] ?? 0));
  expect(pauses[0]).toBe(3_100);
  expect(pauses[1]).toBeGreaterThan(1_500);
  expect(pauses[4]).toBeLessThan(pauses[1] ?? 0);
  expect(pauses[4]).toBeGreaterThan(1_030);
  expect(pauses.at(-1)).toBe(1_030);
});

test("a frozen chat delays no other chat", async () => {
  const { clock, budget, send, names } = startBudget();
  budget.freeze(PRIVATE, 60);
  void send("frozen");

  void send("free", { telegramId: 2, isGroup: false });
  await clock.advance(0);

  expect(names()).toEqual(["free"]);
});

test("after refusals in three chats within a second, all chats wait as long as the shortest of them", async () => {
  const { clock, budget, sent, send } = startBudget();
  for (const [index, seconds] of [5, 40, 6].entries())
    budget.freeze({ telegramId: index + 1, isGroup: false }, seconds);

  void send("another chat", { telegramId: 4, isGroup: false }, "final");
  await clock.advance(10_000);

  expect(sent).toEqual([{ at: 5_100, name: "another chat" }]);
});

test("a group never gets a 21st call in any minute, and edits leave three of the twenty for finals", async () => {
  const { clock, sent, send, names } = startBudget();
  for (let index = 0; index < 40; index++) void send("edit", GROUP, "edit");
  await clock.advance(59_000);
  expect(sent).toHaveLength(17);

  for (let index = 0; index < 3; index++) void send("final", GROUP, "final");
  await clock.advance(500);

  expect(names().slice(17)).toEqual(["final", "final", "final"]);
});

test("a reply in a group streams at full speed for ten seconds, and then keeps growing until the minute is over", async () => {
  const { clock, send, times } = startBudget();

  void send("first text", GROUP);
  for (let index = 0; index < 40; index++) void send("edit", GROUP, "edit");
  await clock.advance(60_000);

  const inTenSeconds = times().filter((at) => at <= 10_000);
  const afterwards = times().filter((at) => at > 10_000);
  expect(inTenSeconds.length).toBeGreaterThanOrEqual(11);
  expect(afterwards.every((at, index) => at - (afterwards[index - 1] ?? 10_000) <= 10_000)).toBe(true);
});

test("a call counts in a group's minute until a minute after its answer, because its arrival is unknown", async () => {
  const { clock, take, send, times } = startBudget();
  const slow = await take("slow", GROUP, "final");
  await clock.advance(10_000);
  slow.end();

  for (let index = 0; index < 20; index++) void send("final", GROUP, "final");
  await clock.advance(120_000);

  expect(times().at(-1)).toBeGreaterThan(70_000);
});

test("over all chats no more than 30 go out in a second, and no more than 15 at once", async () => {
  const { clock, send, times } = startBudget();

  for (let chat = 1; chat <= 100; chat++) void send(`${chat}`, { telegramId: chat, isGroup: false });
  await clock.advance(0);
  expect(times()).toHaveLength(15);
  await clock.advance(1_029);

  expect(times()).toHaveLength(30);
});

test("processes of one bot share the limit over all chats, also when their number changes", async () => {
  const { budget, clock, send, times } = startBudget();
  budget.share(3);
  for (let chat = 1; chat <= 40; chat++) void send(`${chat}`, { telegramId: chat, isGroup: false });

  await clock.advance(1_020);
  const shared = times().length;
  budget.share(1);
  await clock.advance(500);

  expect(shared).toBe(10);
  expect(times().length - shared).toBe(15);
});

test("any number of processes that start at once make at most 30 calls a second, and use most of them", async () => {
  for (let processes = 1; processes <= 40; processes++) {
    const { budget, clock, send, times } = startBudget();
    budget.share(processes);
    for (let chat = 1; chat <= 400; chat++) void send(`${chat}`, { telegramId: chat, isGroup: false });
    await clock.advance(10_300);

    const made = times();
    const inASecond = made.map((from) => made.filter((at) => at >= from && at < from + 1_000).length * processes);
    const perSecond = (made.length * processes) / 10.3;
    // More than 30 processes that start at once cannot be prevented; then it is 30 a second on average.
    expect([processes, Math.max(...inASecond)]).toEqual([
      processes,
      expect.toSatisfy((n) => n <= Math.max(30, processes)),
    ]);
    const whole = processes * Math.floor(30 / processes);
    expect([processes, perSecond]).toEqual([processes, expect.toSatisfy((n) => n >= (whole || 28) / 1.03)]);
    if (processes <= 10) expect(perSecond).toBeGreaterThanOrEqual(23);
  }
});

test("unanswered calls make all chats wait, longer each time, until one is answered", async () => {
  const { clock, take, times } = startBudget();
  let isAway = true;
  const keepTrying = async (chat: BudgetChat) => {
    do (await take("try", chat, "final")).end(!isAway);
    while (isAway);
  };
  for (let chat = 1; chat <= 50; chat++) void keepTrying({ telegramId: chat, isGroup: false });

  await clock.advance(60_000);
  const whileAway = times().length;
  isAway = false;
  await clock.advance(20_000);

  // 15 calls were in flight when it was noticed; since then one at a time probed, after up to 10 s each.
  expect(whileAway).toBeLessThan(25);
  expect(times().length - whileAway).toBe(50);
});

test("calls that were in flight together at an outage count as one fault: one call probes a second later", async () => {
  const { clock, take, times } = startBudget();
  const slots: Slot[] = [];
  for (let chat = 1; chat <= 50; chat++) {
    void take("try", { telegramId: chat, isGroup: false }, "final").then((slot) => slots.push(slot));
  }
  await clock.advance(100);

  for (const slot of slots.splice(0)) slot.end(false);
  await clock.advance(1_000);
  slots.shift()?.end();
  await clock.advance(0);

  // 15 at first, the probe, and those that its answer allowed.
  expect(times().length).toBeGreaterThan(16);
});

test.each([PRIVATE, GROUP])("a process continues from the rate window of another one: $isGroup", async (chat) => {
  const [other, own] = [startBudget(), startBudget()];
  const alone = startBudget();
  for (const { send } of [other, alone]) for (let call = 1; call <= 21; call++) void send(`${call}`, chat, "final");
  await other.clock.advance(3_000);
  await alone.clock.advance(3_000);
  const before = alone.sent.length;

  const [window] = other.budget.takeChanged();
  own.budget.learn(chat, window ?? { callAgesMs: [], restedInMs: 0, frozenForMs: 0 });
  for (let call = before + 1; call <= 21; call++) void own.send(`${call}`, chat, "final");
  await Promise.all([own.clock.advance(120_000), alone.clock.advance(120_000)]);

  const since = alone.times().slice(before);
  expect(own.times()).toHaveLength(since.length);
  for (const [index, at] of own.times().entries()) expect(at).toBeGreaterThanOrEqual((since[index] ?? 0) - 3_000 - 1);
});

test("a freeze that another process learned of holds here too", async () => {
  const [other, own] = [startBudget(), startBudget()];
  other.budget.freeze(PRIVATE, 30);
  await other.clock.advance(10_000);

  const [window] = other.budget.takeChanged();
  own.budget.learn(PRIVATE, window ?? { callAgesMs: [], restedInMs: 0, frozenForMs: 0 });
  void own.send("now?", PRIVATE, "final");
  await own.clock.advance(60_000);

  expect(own.times()).toEqual([20_100]);
});

test("takeChanged returns only the chats with calls since the last time", async () => {
  const { budget, clock, send } = startBudget();
  void send("hello");
  await clock.advance(100);

  const changed = budget.takeChanged();

  expect(changed).toEqual([{ telegramId: PRIVATE.telegramId, callAgesMs: [100], restedInMs: 930, frozenForMs: 0 }]);
  expect(budget.takeChanged()).toEqual([]);
});

test("without a limit over all chats, no chat waits for another", async () => {
  const { clock, send, times } = startBudget(Number.POSITIVE_INFINITY);

  for (let chat = 1; chat <= 100; chat++) void send(`${chat}`, { telegramId: chat, isGroup: false });
  await clock.advance(0);

  expect(times()).toHaveLength(100);
});

test("at the limit over all chats, finals and first messages overtake edits, and edits take turns", async () => {
  const { clock, send, names } = startBudget(2);
  const chat = (telegramId: number) => ({ telegramId, isGroup: false });
  void send("begins");
  for (const id of [2, 3, 4]) void send(`edit ${id}`, chat(id), "edit");
  void send("start", chat(5), "message");
  void send("final", chat(6), "final");

  await clock.advance(5_000);

  expect(names()).toEqual(["begins", "final", "start", "edit 2", "edit 3", "edit 4"]);
});

test("200 chats that stream at once all make progress", async () => {
  const { clock, send, sent } = startBudget();
  const stream = async (telegramId: number) => {
    for (let edit = 0; edit < 10; edit++) await send(`${telegramId}`, { telegramId, isGroup: false }, "edit");
  };

  for (let chat = 1; chat <= 200; chat++) void stream(chat);
  await clock.advance(35_000);

  const counts = new Map<string, number>();
  for (const { name } of sent) counts.set(name, (counts.get(name) ?? 0) + 1);
  expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThanOrEqual(1);
  expect(sent.length).toBeGreaterThan(29 * 34);
});

test("an aborted wait takes no slot", async () => {
  const { clock, budget, send, names } = startBudget();
  const abort = new AbortController();
  budget.freeze(PRIVATE, 1);
  const aborted = send("aborted", PRIVATE, "message", abort.signal);
  void send("kept");

  abort.abort(new Error("stopped"));

  await expect(aborted).rejects.toThrow("stopped");
  await clock.advance(5_000);
  expect(names()).toEqual(["kept"]);
});

test("a wait that is aborted at the limit over all chats blocks no other", async () => {
  const { clock, budget, send } = startBudget(2);
  const abort = new AbortController();
  void send("begins");
  const aborted = send("aborted", { telegramId: 2, isGroup: false }, "message", abort.signal);
  await clock.advance(0);

  abort.abort(new Error("stopped"));

  await expect(aborted).rejects.toThrow("stopped");
  await clock.advance(2_000);
  expect(budget.tryTake({ telegramId: 3, isGroup: false }, "typing")).not.toBeNull();
});

test("tryTake takes a slot only if one is free and no call waits", async () => {
  const { clock, budget, send } = startBudget();

  budget.tryTake(PRIVATE, "typing")?.end();
  expect(budget.tryTake(PRIVATE, "typing")).toBeNull();
  await clock.advance(1_030);
  budget.freeze(PRIVATE, 1);
  void send("waits");

  expect(budget.tryTake(PRIVATE, "typing")).toBeNull();
});

test("a returned slot wakes the waiting call of its chat", async () => {
  const { clock, take, send, names } = startBudget();
  for (const number of Array(19).keys()) void send(`call ${number}`, GROUP, "final");
  await clock.advance(25_000);
  const unused = await take("unused", GROUP, "final");
  void send("final", GROUP, "final");
  await clock.advance(5_000);
  const before = names();

  unused.giveBack();
  await clock.advance(0);

  expect(before.slice(19)).toEqual(["unused"]);
  expect(names().slice(19)).toEqual(["unused", "final"]);
});

test("a returned slot wakes the waiting call of another chat", async () => {
  const { clock, take, send, sent } = startBudget(2);
  const unused = await take("unused", PRIVATE, "final");
  void send("final", GROUP, "final");
  await clock.advance(10);

  unused.giveBack();
  await clock.advance(0);

  expect(sent).toEqual([
    { at: 0, name: "unused" },
    { at: 10, name: "final" },
  ]);
});

test("under any load, no window is exceeded and no call waits for ever", async () => {
  const request = fc.record({
    chat: fc.integer({ min: 1, max: 4 }),
    priority: fc.constantFrom<Priority>("final", "message", "edit", "typing"),
    pauseMs: fc.integer({ min: 0, max: 700 }),
    onTheWayMs: fc.integer({ min: 0, max: 3_000 }),
    isUnused: fc.boolean(),
    freezeSeconds: fc.option(fc.integer({ min: 1, max: 5 }), { freq: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 120, size: "max" }), async (requests) => {
      const clock = createFakeClock();
      const budget = createSendBudget({ clock });
      const calls: { startedAt: number; arrivedAt: number; chat: number }[] = [];
      let unused = 0;
      const use = (slot: Slot, { chat, onTheWayMs, isUnused }: (typeof requests)[number]) => {
        if (isUnused) {
          unused += 1;
          return slot.giveBack();
        }
        const call = { startedAt: clock.now(), arrivedAt: Number.NaN, chat };
        calls.push(call);
        // It arrives at some time before its answer.
        clock.after(onTheWayMs / 2, () => {
          call.arrivedAt = clock.now();
        });
        clock.after(onTheWayMs, slot.end);
      };
      for (const wanted of requests) {
        const { chat, priority, pauseMs, freezeSeconds } = wanted;
        const place = { telegramId: chat, isGroup: chat > 2 };
        if (freezeSeconds !== null) budget.freeze(place, freezeSeconds);
        void budget.take(place, () => priority).then((slot) => use(slot, wanted));
        await clock.advance(pauseMs);
      }
      await clock.advance(3_600_000);

      expect(calls.length + unused).toBe(requests.length);
      const starts = calls.map(({ startedAt: at, chat }) => ({ at, chat }));
      const arrivals = calls.map(({ arrivedAt: at, chat }) => ({ at, chat }));
      expect(mostIn(starts, 1_000)).toBeLessThanOrEqual(30);
      for (const chat of [1, 2]) expect(mostIn(only(starts, chat), 1_000)).toBeLessThanOrEqual(3);
      for (const chat of [3, 4]) expect(mostIn(only(arrivals, chat), 60_000)).toBeLessThanOrEqual(20);
    }),
    { numRuns: 60 },
  );
});

interface Call {
  at: number;
  chat: number;
}

function only(calls: Call[], chat: number): Call[] {
  return calls.filter((call) => call.chat === chat);
}

/** The most calls in any window of this length. */
function mostIn(calls: Call[], windowMs: number): number {
  return Math.max(
    0,
    ...calls.map(({ at }) => calls.filter((other) => other.at >= at && other.at < at + windowMs).length),
  );
}
