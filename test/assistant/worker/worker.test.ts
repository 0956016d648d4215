import { eq, sql } from "drizzle-orm";
import { afterEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { calls, fails, says, scripted } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";
import { MAX_ATTEMPTS } from "../../../src/assistant/limits.ts";
import { createModel, type Model } from "../../../src/assistant/model/model.ts";
import { runAssistant } from "../../../src/assistant/run.ts";
import { textsIn } from "../../../src/bot/texts.ts";
import { listen, type Notification, publish } from "../../../src/db/notify/notify.ts";
import { LeaseLostError } from "../../../src/db/queries/runs/run-claim.ts";
import { endRun } from "../../../src/db/queries/runs/run-end.ts";
import { claimRun, releaseRuns } from "../../../src/db/queries/runs/run-queue.ts";
import { messages, runs, threads, workers } from "../../../src/db/schema/index.ts";
import { defineTool } from "../../../src/tools/tool.ts";
import { holdLocks, onTestServer, readClock } from "../../support/database.ts";
import { inputOf, openRunTest, outputsOf, type RunTest, type RunTestOptions, tool } from "../run-support.ts";

let runTest: RunTest | undefined;

afterEach(async () => {
  await runTest?.close();
  runTest = undefined;
});

async function open(turns: readonly Turn[], options?: RunTestOptions): Promise<RunTest> {
  runTest = await openRunTest(scripted(turns), options);
  return runTest;
}

/** Runs only the loop on a claimed run, without a worker that would end the run or hand it over. */
function play(of: RunTest, run: Parameters<typeof runAssistant>[1]) {
  return runAssistant(of.loop, run, { signal: new AbortController().signal, emit: () => undefined });
}

/** The first notification from now on that matches. */
async function nextNotification(
  of: RunTest,
  fits: (notification: Notification) => boolean,
): Promise<{ received: Promise<Notification> }> {
  const { promise: received, resolve } = Promise.withResolvers<Notification>();
  const listener = await listen(of.test.database, {
    onNotification: (notification) => {
      if (fits(notification)) resolve(notification);
    },
    onGap: () => undefined,
  });
  void received.finally(() => listener.close());
  return { received };
}

const signal = () => Promise.withResolvers<void>();

/** Terminates the connections that wait for a lock. @returns how many there were. */
async function cutThoseWhoWait(name: string): Promise<number> {
  const cut = await onTestServer(
    (session) => session`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = ${name} and wait_event_type = 'Lock'`,
  );
  return cut.length;
}

const DONE = {
  outcome: { status: "completed", errorCode: null, errorMessage: null },
  text: "Done.",
  finalText: "Done.",
} as const;
const echo = (n: number) => ({ name: "Echo", arguments: { n } });

test("the prompt says when a question that waited for hours was asked", async () => {
  const { ask, startWorker, ended, test: store, model } = await open([says("Late.")]);

  const { runId } = await ask("how is today?");
  await store.db.update(runs).set({ queuedAt: sql`now() - interval '1 day'` });
  await startWorker();
  await ended(runId);

  expect(model.requests[0]?.body.instructions).toMatch(
    /The newest message had to wait: it was sent on \w+day, [\d-]+, at /,
  );
});

test("a run passes from queued over in_progress and requires_action to completed, as the database shows it", async () => {
  const toolBegan = Promise.withResolvers<void>();
  const toolMayEnd = Promise.withResolvers<void>();
  const [mayCall, maySay] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { ask, startWorker, ended, read, model } = await open(
    [
      {
        parts: [
          { kind: "wait", until: mayCall.promise },
          { kind: "call", ...echo(1) },
        ],
      },
      {
        parts: [
          { kind: "wait", until: maySay.promise },
          { kind: "text", text: "Done." },
        ],
      },
    ],
    {
      tools: [
        tool("Echo", async (args) => {
          toolBegan.resolve();
          await toolMayEnd.promise;
          return { ...args };
        }),
      ],
    },
  );

  const { runId } = await ask("go");
  const queued = await read(runId);
  await startWorker();
  await model.waitForRequest(1);
  const asked = await read(runId);
  mayCall.resolve();
  await toolBegan.promise;
  const acting = await read(runId);
  toolMayEnd.resolve();
  await model.waitForRequest(2);
  const resumed = await read(runId);
  maySay.resolve();
  await ended(runId);
  const completed = await read(runId);

  expect([queued, asked, acting, resumed, completed].map(({ run }) => run.status)).toEqual([
    "queued",
    "in_progress",
    "requires_action",
    "in_progress",
    "completed",
  ]);
  expect(acting.calls).toMatchObject([{ status: "running", output: null, completedAt: null }]);
  expect(resumed.calls).toMatchObject([{ status: "succeeded", output: { n: 1 } }]);
  expect(queued.run).toMatchObject({ startedAt: null, attempt: 0, workerId: null });
  expect(completed.run).toMatchObject({ attempt: 1, leaseUntil: null });
});

test("the text so far is in the database while it streams, and gone when the whole answer is there", async () => {
  const goOn = Promise.withResolvers<void>();
  const { ask, startWorker, ended, read } = await open([says(["Oat ", "mi", goOn.promise, "lk 👩‍👩‍👧"])]);
  const { runId } = await ask("go");
  const { received } = await nextNotification(runTest as RunTest, (notification) => notification.type === "text");

  await startWorker();
  await received;
  const streaming = await read(runId);
  goOn.resolve();
  await ended(runId);
  const completed = await read(runId);

  const soFar = streaming.texts.map(({ text }) => text).join("");
  expect("Oat mi".startsWith(soFar)).toBe(true);
  expect(soFar).not.toBe("");
  expect(streaming.run.firstTokenAt).not.toBeNull();
  expect(streaming.messages).toHaveLength(1);
  expect(completed.texts).toEqual([]);
  expect(completed.messages[1]?.text).toBe("Oat milk 👩‍👩‍👧");
});

test("the runs of a thread are worked on one at a time, in the order of the questions; other threads do not wait", async () => {
  const goOn = Promise.withResolvers<void>();
  runTest = await openRunTest(({ body }) => {
    const question = JSON.stringify(body.input).match(/.*(first|second|elsewhere)/)?.[1];
    return question === "first" ? says([goOn.promise, "One."]) : says(`Answer to ${question}.`);
  });
  const { ask, startWorker, ended, read, model } = runTest;

  const first = await ask("first");
  const second = await ask("second");
  const elsewhere = await ask("elsewhere", { from: 7_002 });
  await startWorker();
  await ended(elsewhere.runId);
  const waiting = await read(second.runId);
  goOn.resolve();
  await ended(second.runId);

  expect(waiting.run.status).toBe("queued");
  expect(inputOf(model.requests.at(-1))).toEqual([
    { role: "user", content: "first" },
    { role: "assistant", content: "One." },
    { role: "user", content: "second" },
  ]);
  expect((await read(first.runId)).run.status).toBe("completed");
});

test("the run of a dead process is taken over: finished calls are not repeated, and only the unfinished round is asked again", async () => {
  const counts = { Quick: 0, Slow: 0 };
  const { ask, claim, takeLock, startWorker, ended, read, model, events } = await open(
    [
      {
        parts: [
          { kind: "text", text: "Looking." },
          { kind: "reasoning" },
          { kind: "call", name: "Quick", arguments: { n: 1 }, callId: "call_quick" },
        ],
      },
      calls({ name: "Slow", arguments: { n: 2 }, callId: "call_slow" }),
      fails({ kind: "silence" }, { kind: "text", text: "Order oat" }),
      says("Order oat milk."),
    ],
    {
      tools: [
        tool("Quick", (args) => ({ quick: args.n, times: ++counts.Quick })),
        tool("Slow", (args) => ({ slow: args.n, times: ++counts.Slow })),
      ],
    },
  );
  const { runId } = await ask("what should I order?");
  const lock = await takeLock();
  void play(runTest as RunTest, await claim(lock)).catch(() => undefined);
  await model.waitForRequest(3);

  await lock.release();
  await startWorker();
  const finalText = await ended(runId);

  expect(finalText).toBe("Looking.\n\nOrder oat milk.");
  expect(counts).toEqual({ Quick: 1, Slow: 1 });
  expect(model.requests).toHaveLength(4);
  expect(model.refused).toEqual([]);
  expect(inputOf(model.requests[3])).toEqual(inputOf(model.requests[2]));
  const { run, calls: stored, messages } = await read(runId);
  expect(run).toMatchObject({ status: "completed", attempt: 2 });
  expect(stored.map(({ output }) => output)).toEqual([
    { quick: 1, times: 1 },
    { slow: 2, times: 1 },
  ]);
  expect(messages[1]?.text).toBe(finalText);
  expect(events.map((event) => (event.type === "text-delta" ? event.delta : "")).join("")).toBe(finalText);
});

test("a call that was running when its process died is run again, and a finished one beside it is not", async () => {
  const slowBegan = Promise.withResolvers<void>();
  const never = Promise.withResolvers<void>();
  let [quick, slow] = [0, 0];
  const { ask, claim, takeLock, startWorker, ended, loop, model } = await open(
    [calls({ name: "Quick", arguments: { n: 1 } }, { name: "Slow", arguments: { n: 2 } }), says("Done.")],
    {
      tools: [
        tool("Quick", () => ({ times: ++quick })),
        tool("Slow", async () => {
          slow += 1;
          if (slow > 1) return { times: slow };
          slowBegan.resolve();
          await never.promise;
          return {};
        }),
      ],
    },
  );
  const { runId } = await ask("go");
  const lock = await takeLock();
  const quickEnded = Promise.withResolvers<void>();
  void runAssistant(loop, await claim(lock), {
    signal: new AbortController().signal,
    emit: (event) => {
      if (event.type === "tool-end") quickEnded.resolve();
    },
  }).catch(() => undefined);
  await slowBegan.promise;
  await quickEnded.promise;

  await lock.release();
  await startWorker();
  await ended(runId);
  never.resolve();

  expect([quick, slow]).toEqual([1, 2]);
  expect(Object.values(outputsOf(model.requests[1]))).toEqual([{ times: 1 }, { times: 2 }]);
});

test("a worker that lost its run writes nothing more", async () => {
  const goOn = Promise.withResolvers<void>();
  const {
    ask,
    claim,
    takeLock,
    read,
    model,
    test: database,
  } = await open([
    {
      parts: [
        { kind: "wait", until: goOn.promise },
        { kind: "text", text: "Stale." },
        { kind: "call", ...echo(1) },
      ],
    },
  ]);
  const { runId } = await ask("go");
  const [stale, fresh] = [await takeLock(), await takeLock()];
  const staleRun = await claim(stale);
  const played = play(runTest as RunTest, staleRun);
  await model.waitForRequest(1);
  await stale.release();
  const freshRun = await claim(fresh);
  const before = await read(runId);

  goOn.resolve();
  const refusedRound = await played.catch((error: unknown) => error);
  const refusedEnd = await endRun(database.db, staleRun, {
    outcome: { status: "completed", errorCode: null, errorMessage: null },
    text: "Stale.",
    firstTokenAgeMs: null,
    finalText: "Stale.",
  }).catch((error: unknown) => error);

  expect(refusedRound).toBeInstanceOf(LeaseLostError);
  expect(refusedEnd).toBeInstanceOf(LeaseLostError);
  expect(await read(runId)).toEqual(before);
  expect(freshRun).toMatchObject({ id: runId, attempt: 2 });
});

test("of two workers, the one whose connection is cut gives up its runs, and the answer arrives once", async () => {
  const cut = Promise.withResolvers<void>();
  const { ask, startWorker, ended, read, model, abandoned, whenAbandoned, events } = await open([
    says(["Half", cut.promise, " an answer."]),
    says("The whole answer."),
  ]);
  const first = await startWorker();
  const { runId } = await ask("go");
  await model.waitForRequest(1);

  await startWorker();
  await first.cutOff();
  const finalText = await ended(runId);
  cut.resolve();
  await whenAbandoned;

  const { run, messages } = await read(runId);
  expect(finalText).toBe("The whole answer.");
  expect(run).toMatchObject({ status: "completed", attempt: 2 });
  expect(messages.map(({ text }) => text)).toEqual(["go", "The whole answer."]);
  expect(events.filter((event) => event.type === "run-end")).toHaveLength(1);
  expect(abandoned()).toBe(1);
});

test("a run whose worker lost the database has lost no attempt, also when another worker has it by then", async () => {
  const goOn = Promise.withResolvers<void>();
  const { ask, startWorker, ended, read, model } = await open([
    fails({ kind: "silence" }, { kind: "text", text: "Half" }),
    says(["The whole", goOn.promise, " answer."]),
  ]);
  const first = await startWorker();
  const { runId } = await ask("go");
  await model.waitForRequest(1);

  await startWorker();
  await first.cutOff();
  await expect.poll(async () => (await read(runId)).run.handovers).toBe(1);
  goOn.resolve();

  expect(await ended(runId)).toBe("The whole answer.");
});

test("a worker that was cut off takes a new number and continues", async () => {
  const { ask, startWorker, ended } = await open([says("Hello again.")]);
  const worker = await startWorker();
  const before = worker.id();

  await worker.cutOff();
  const { runId } = await ask("are you there?");

  expect(await ended(runId)).toBe("Hello again.");
  expect(worker.id()).not.toBe(before);
});

test("a worker that was frozen for longer than its lease gives up its runs, and continues under a new number", async () => {
  const goOn = Promise.withResolvers<void>();
  const opened = await open([says([goOn.promise, "Too late."]), says("The whole answer.")]);
  const { ask, startWorker, ended, read, model, test: database, abandoned, whenAbandoned } = opened;
  const worker = await startWorker();
  const before = worker.id();
  const { runId } = await ask("go");
  await model.waitForRequest(1);

  await database.db.update(workers).set({ leaseUntil: sql`now() - interval '1 second'` }).where(eq(workers.id, before));
  await whenAbandoned;
  goOn.resolve();

  expect(await ended(runId)).toBe("The whole answer.");
  expect(worker.id()).not.toBe(before);
  expect(worker.isFresh()).toBe(true);
  expect((await read(runId)).run).toMatchObject({ status: "completed", attempt: 2 });
  expect(abandoned()).toBe(1);
});

test("a worker that loses the database retries in one place until it is back", async () => {
  const away = Promise.withResolvers<void>();
  let [losses, tries] = [0, 0];
  const {
    ask,
    startWorker,
    ended,
    test: database,
  } = await open([says("Hello again.")], {
    onLog(phrase) {
      if (phrase === "the database is unavailable") tries += 1;
      if (tries === 3) away.resolve();
      if (phrase.startsWith("lost the worker's lock")) losses += 1;
    },
  });
  await startWorker();

  await onTestServer(async (session) => {
    await session`alter database ${session(database.name)} allow_connections false`;
    await session`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${database.name}`;
    await away.promise;
    await session`alter database ${session(database.name)} allow_connections true`;
  });
  const { runId } = await ask("are you there?");
  const finalText = await ended(runId);

  expect(finalText).toBe("Hello again.");
  expect(losses).toBe(1);
});

test("a connection that is cut during a round costs an attempt, not the answer", async () => {
  const [goOn, givenUp] = [signal(), signal()];
  const {
    ask,
    startWorker,
    ended,
    read,
    model,
    test: database,
  } = await open([says([goOn.promise, "First try."]), says("Second try.")], {
    onLog: (phrase) => phrase.startsWith("run given up") && givenUp.resolve(),
  });
  await startWorker();
  const { runId } = await ask("go");
  await model.waitForRequest(1);
  const release = await holdLocks(database.db, (tx) => tx.select().from(runs).where(eq(runs.id, runId)).for("update"));

  goOn.resolve();
  await expect.poll(() => cutThoseWhoWait(database.name)).toBeGreaterThan(0);
  await givenUp.promise;
  await release();

  expect(await ended(runId)).toBe("Second try.");
  expect((await read(runId)).run).toMatchObject({ status: "completed", attempt: 2 });
});

test("a connection that is cut during a tool call costs an attempt: the model never sees it, and other calls are not repeated", async () => {
  const ended = signal();
  let cuts = 0;
  let others = 0;
  const cut = defineTool({
    name: "Cut",
    description: "Does Cut.",
    label: { en: "Cut", vi: "Cut" },
    input: z.strictObject({}),
    allowedRoles: ["owner"],
    async execute(_args, { db }) {
      cuts += 1;
      await ended.promise;
      if (cuts === 1) await db.execute(sql`select pg_terminate_backend(pg_backend_pid())`);
      return { cuts };
    },
  });
  const other = tool("Other", () => {
    others += 1;
    return { others };
  });
  const of = await open(
    [
      calls({ name: "Cut", callId: "call_cut" }, { name: "Other", arguments: { n: 1 }, callId: "call_other" }),
      says("Done."),
    ],
    { tools: [cut, other] },
  );
  await of.startWorker();
  const { runId } = await of.ask("go");
  await expect.poll(() => of.events.some(({ type }) => type === "tool-end")).toBe(true);

  ended.resolve();

  expect(await of.ended(runId)).toBe("Done.");
  expect((await of.read(runId)).run).toMatchObject({ status: "completed", attempt: 2 });
  expect(outputsOf(of.model.requests[1])).toEqual({ call_cut: { cuts: 2 }, call_other: { others: 1 } });
  expect(of.model.requests).toHaveLength(2);
});

test("a worker that lost its lock claims nothing: any worker could take its runs at once", async () => {
  const { ask, takeLock, read, test: database } = await open([]);
  const { runId } = await ask("go");
  const lock = await takeLock();
  await lock.release();

  const claimed = await claimRun(database.db, { workerId: lock.workerId, botId: 42 });

  expect(claimed).toBeUndefined();
  expect((await read(runId)).run).toMatchObject({ status: "queued", attempt: 0 });
});

test("a worker renews only what it works on: a run that it gave up is free when its lease runs out", async () => {
  const { ask, claim, takeLock, read, test: database } = await open([]);
  const [worked, givenUp] = [await ask("one"), await ask("two", { from: 7_002 })];
  const lock = await takeLock();
  await claim(lock);
  await claim(lock);
  await database.db.update(runs).set({ leaseUntil: sql`now() - interval '1 second'` });

  const heartbeat = await lock.renew([worked.runId], 60_000);

  const held = [worked, givenUp].map(({ runId }) => ({ id: runId, stopRequested: false }));
  expect(heartbeat?.runs.toSorted((one, other) => one.id.localeCompare(other.id))).toEqual(held);
  expect((await claim(lock)).id).toBe(givenUp.runId);
  expect((await read(worked.runId)).run.attempt).toBe(1);
});

test("a run that its own worker took over again can still be stopped", async () => {
  const goOn = Promise.withResolvers<void>();
  const opened = await open([
    says([goOn.promise, "Late."]),
    fails({ kind: "silence" }, { kind: "text", text: "Again" }),
  ]);
  const { ask, startWorker, stop, ended, read, model, test: database } = opened;
  await startWorker();
  const { runId } = await ask("go");
  await model.waitForRequest(1);
  await database.db.transaction(async (tx) => {
    await tx.update(runs).set({ leaseUntil: sql`now() - interval '1 second'` }).where(eq(runs.id, runId));
    await publish(tx, { type: "run-queued", runId });
  });
  const second = await model.waitForRequest(2);

  goOn.resolve();
  await opened.whenAbandoned;
  await stop(runId);
  const finalText = await ended(runId);

  await second.whenAborted;
  expect(finalText).toContain(textsIn("en").stopped);
  expect((await read(runId)).run).toMatchObject({ status: "cancelled", attempt: 2 });
});

test("a run that was begun too often fails with a message, and the model is not called again", async () => {
  const { ask, claim, takeLock, startWorker, ended, read, model } = await open([]);
  const { runId } = await ask("go", { language: "vi" });
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const lock = await takeLock();
    await claim(lock);
    await lock.release();
  }

  await startWorker();
  const finalText = await ended(runId);

  expect(finalText).toBe(textsIn("vi").faults.TOO_MANY_ATTEMPTS);
  expect((await read(runId)).run).toMatchObject({ status: "failed", errorCode: "TOO_MANY_ATTEMPTS" });
  expect(model.requests).toEqual([]);
});

test("a worker that stops hands its runs over at once, and another writes the answer from its beginning", async () => {
  const goOn = Promise.withResolvers<void>();
  const opened = await open([
    fails({ kind: "silence" }, { kind: "text", text: "Half" }),
    says(["The whole", goOn.promise, " answer."]),
  ]);
  const { ask, startWorker, ended, read, abandoned } = opened;
  const firstText = await nextNotification(opened, (notification) => notification.type === "text");
  const first = await startWorker();
  const { runId } = await ask("go");
  await firstText.received;

  await first.stop(0);
  const left = await read(runId);
  const secondText = await nextNotification(opened, (notification) => notification.type === "text");
  await startWorker();
  await secondText.received;
  const streaming = await read(runId);
  goOn.resolve();

  expect(await ended(runId)).toBe("The whole answer.");
  expect(left.run.status).toBe("in_progress");
  expect(left.texts.map(({ text }) => text)).toEqual(["Half"]);
  expect(streaming.texts.map(({ text }) => text)).toEqual(["The whole"]);
  expect(abandoned()).toBe(1);
  await opened.model.requests[0]?.whenAborted;
});

test("a worker that stops gives its runs the grace period", async () => {
  const goOn = Promise.withResolvers<void>();
  const { ask, startWorker, read, model, abandoned } = await open([says([goOn.promise, "Done."])]);
  const worker = await startWorker();
  const { runId } = await ask("go");
  await model.waitForRequest(1);

  const stopped = worker.stop(60_000);
  goOn.resolve();
  await stopped;

  expect((await read(runId)).run.status).toBe("completed");
  expect(abandoned()).toBe(0);
});

test("a run that was stopped while it waited is cancelled without a model call", async () => {
  const { ask, stop, startWorker, ended, read, model } = await open([]);
  const { runId } = await ask("go");
  await stop(runId);

  await startWorker();

  expect(await ended(runId)).toBe(textsIn("en").stopped);
  const { run, messages } = await read(runId);
  expect(run.status).toBe("cancelled");
  expect(messages).toHaveLength(1);
  expect(model.requests).toEqual([]);
});

test("a round that was cut short when its process died is asked again, not taken for an answer", async () => {
  const { ask, claim, takeLock, startWorker, ended, read } = await open([
    fails({ kind: "incomplete", reason: "max_output_tokens" }, { kind: "text", text: "Oat mi" }),
    says("Oat milk."),
  ]);
  const { runId } = await ask("go");
  const lock = await takeLock();
  await play(runTest as RunTest, await claim(lock));
  await lock.release();

  await startWorker();

  expect(await ended(runId)).toBe("Oat milk.");
  expect((await read(runId)).run.status).toBe("completed");
});

test("a run without any text fails, also when its process died in between", async () => {
  const { ask, claim, takeLock, startWorker, ended, read } = await open([{ parts: [{ kind: "reasoning" }] }]);
  const { runId } = await ask("go");
  const lock = await takeLock();
  await play(runTest as RunTest, await claim(lock));
  await lock.release();

  await startWorker();

  expect(await ended(runId)).toBe(textsIn("en").faults.MODEL_EMPTY);
  expect((await read(runId)).run).toMatchObject({ status: "failed", errorCode: "MODEL_EMPTY" });
});

test("a bug ends the run with a message, keeps the text so far, and shows admins no secrets", async () => {
  const broken: Model = {
    name: "broken",
    async answer(_request, { onText }) {
      onText("Oat");
      throw new Error("select * from secrets");
    },
  };
  const { answer } = await open([], { model: broken });

  const { run, messages, finalText } = await answer("go");

  expect(run).toMatchObject({ status: "failed", errorCode: "INTERNAL" });
  expect(run.errorMessage).not.toContain("secrets");
  expect(messages[1]).toMatchObject({ text: "Oat", completedAt: null });
  expect(finalText).toBe(`Oat\n\n_${textsIn("en").faults.INTERNAL}_`);
});

test.each(["en", "vi"] as const)("an unreachable model gives an error message in %s", async (language) => {
  const unreachable = createModel({ apiKey: null, baseUrl: "http://127.0.0.1:9/v1", name: "test-model" });
  const { answer } = await open([], { model: unreachable });

  const { run, finalText } = await answer("go", { language });

  expect(run).toMatchObject({ status: "failed", errorCode: "MODEL_UNREACHABLE" });
  expect(finalText).toBe(textsIn(language).faults.MODEL_UNREACHABLE);
});

test.each([-25, 25])(
  "a run's times are the database's, also where the application's clock is %d h apart",
  async (hours) => {
    const { ask, claim, takeLock, test: database } = await open([]);
    const { runId, threadId } = await ask("go");
    const run = await claim(await takeLock());
    const before = await readClock(database.db);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 });

    const completedAt = await endRun(database.db, run, { ...DONE, firstTokenAgeMs: 3_000 }).finally(vi.useRealTimers);
    const after = await readClock(database.db);

    const said = await database.db.select().from(messages).where(eq(messages.runId, runId)).orderBy(messages.createdAt);
    const [ended] = await database.db.select().from(runs).where(eq(runs.id, runId));
    const [thread] = await database.db.select().from(threads).where(eq(threads.id, threadId));
    expect(said.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect([ended?.completedAt, said[1]?.createdAt, thread?.lastActivityAt]).toEqual(Array(3).fill(completedAt));
    for (const ms of [completedAt.getTime(), Number(ended?.firstTokenAt) + 3_000]) {
      expect(ms).toBeGreaterThanOrEqual(before);
      expect(ms).toBeLessThanOrEqual(after);
    }
  },
);

test("when the first token came is stored with the end, unless it is known", async () => {
  const { ask, claim, takeLock, test: database } = await open([]);
  const { runId } = await ask("go");
  const run = await claim(await takeLock());
  const known = new Date("2026-11-20T10:00:01Z");
  await database.db.update(runs).set({ firstTokenAt: known }).where(eq(runs.id, runId));

  await endRun(database.db, run, { ...DONE, firstTokenAgeMs: 3_000 });

  const [ended] = await database.db.select().from(runs).where(eq(runs.id, runId));
  expect(ended?.firstTokenAt).toEqual(known);
});

test("a run that is released is claimed by the next worker while the first still lives", async () => {
  const { ask, claim, takeLock, test: database } = await open([]);
  const { runId } = await ask("go");
  const [first, second] = [await takeLock(), await takeLock()];
  await claim(first);
  const meanwhile = await claimRun(database.db, { workerId: second.workerId, botId: 42 });

  await releaseRuns(database.db, first.workerId);

  expect(meanwhile).toBeUndefined();
  expect(await claim(second)).toMatchObject({ id: runId, attempt: 2 });
});
