/** How a run passes from one worker to the next, and when it no longer does. */
import { afterEach, expect, test, vi } from "vitest";
import { fails, says, scripted } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";
import { MAX_ATTEMPTS, MAX_BEGINNINGS } from "../../../src/assistant/limits.ts";
import { ModelError } from "../../../src/assistant/model/errors/error.ts";
import { createUncountedAttempts } from "../../../src/assistant/worker/uncounted-attempts.ts";
import { finalReply, textsIn } from "../../../src/bot/texts.ts";
import { uncountAttempts } from "../../../src/db/queries/runs/run-queue.ts";
import { LEASE_SECONDS } from "../../../src/db/queries/runs/workers.ts";
import { runs } from "../../../src/db/schema/index.ts";
import { closeDatabaseToEveryone, openDatabaseAgain, recordLog } from "../../bot/intake/intake-support.ts";
import { openRunTest, type RunTest, type RunTestOptions } from "../run-support.ts";

let runTest: RunTest | undefined;

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await runTest?.close();
  runTest = undefined;
});

async function open(turns: readonly Turn[], options?: RunTestOptions): Promise<RunTest> {
  runTest = await openRunTest(scripted(turns), options);
  return runTest;
}

/** `times` workers claim the run one after the other, and die. */
async function dieWithRun({ claim, takeLock }: RunTest, times: number): Promise<void> {
  for (let attempt = 1; attempt <= times; attempt += 1) {
    const lock = await takeLock();
    await claim(lock);
    await lock.release();
  }
}

test("a run that was begun too often continues when its last worker reports that it only lost the database", async () => {
  const opened = await open([says("Here I am.")]);
  const { ask, startWorker, ended, read, test: database } = opened;
  const { runId } = await ask("go");
  await dieWithRun(opened, MAX_ATTEMPTS);

  await startWorker();
  await expect.poll(async () => (await read(runId)).run.attempt).toBe(MAX_ATTEMPTS + 1);
  await uncountAttempts(database.db, [runId]);

  expect(await ended(runId)).toBe("Here I am.");
});

test("attempts that do not count have a limit, too", async () => {
  const opened = await open([]);
  const { ask, startWorker, ended, model, test: database } = opened;
  const { runId } = await ask("go");
  await database.db.update(runs).set({ attempt: MAX_BEGINNINGS, handovers: MAX_BEGINNINGS });

  await startWorker();

  expect(await ended(runId)).toBe(textsIn("en").faults.TOO_MANY_ATTEMPTS);
  expect(model.requests).toEqual([]);
});

test("an attempt that ended with the database is uncounted when the database is back, and only once", async () => {
  const { ask, claim, takeLock, read, test: database } = await open([]);
  const { runId } = await ask("go");
  const run = await claim(await takeLock());
  const log = recordLog();
  const uncountedAttempts = createUncountedAttempts(database.db, log.logger);

  await closeDatabaseToEveryone(database);
  uncountedAttempts.add([run]);
  uncountedAttempts.add([run]);
  await log.waitForLine(({ msg }) => msg.startsWith("could not store that attempts"));
  await openDatabaseAgain(database);

  await expect.poll(async () => (await read(runId)).run.handovers).toBe(1);
});

test("a bug while a run ends counts as an attempt: at last the person gets a message", async () => {
  const opened = await open([says("One."), says("Two."), says("Three.")], {
    finalText(run, outcome, text) {
      if (outcome.status === "completed") throw new Error("no words");
      return finalReply(run.language, outcome, text);
    },
  });
  const { ask, startWorker, ended, read } = opened;
  const { runId } = await ask("go");

  await startWorker();

  expect(await ended(runId)).toBe(textsIn("en").faults.TOO_MANY_ATTEMPTS);
  expect((await read(runId)).run).toMatchObject({ status: "failed", attempt: MAX_ATTEMPTS + 1, handovers: 0 });
});

test("a run ends also when its error message cannot be stored, or is too long", async () => {
  const { ask, startWorker, ended, read } = await open([], {
    model: {
      name: "hostile",
      async answer() {
        throw new ModelError("MODEL_REFUSED_REQUEST", `half\0${"x".repeat(10_000)}`);
      },
    },
  });
  const { runId } = await ask("go");

  await startWorker();
  await ended(runId);

  const { run } = await read(runId);
  expect(run).toMatchObject({ status: "failed", errorCode: "MODEL_REFUSED_REQUEST", attempt: 1 });
  expect(run.errorMessage).toMatch(/^half\uFFFDx{1995}$/);
});

test("a worker that stops hands a run over only after its last message was sent", async () => {
  const shown = Promise.withResolvers<void>();
  const { ask, startWorker, read, model, whenAbandoned } = await open(
    [fails({ kind: "silence" }, { kind: "text", text: "Half" })],
    { onAbandon: () => shown.promise },
  );
  const worker = await startWorker();
  const { runId } = await ask("go");
  await model.waitForRequest(1);

  const stopped = worker.stop(0);
  await whenAbandoned;
  const meanwhile = (await read(runId)).run.handovers;
  shown.resolve();
  await stopped;

  expect(meanwhile).toBe(0);
  expect((await read(runId)).run.handovers).toBe(1);
});

test("a run whose worker did not get the answer to its claim is released, and answered", async () => {
  const { ask, claim, startWorker, ended, read } = await open([says("Here I am.")]);
  const worker = await startWorker({ claims: false });
  const { runId } = await ask("go");
  await claim({ workerId: worker.id() });

  await expect.poll(async () => (await read(runId)).run.handovers, { timeout: 15_000 }).toBe(1);
  await startWorker();

  expect(await ended(runId)).toBe("Here I am.");
});

test("a worker that was frozen for longer than its lease gives its runs up before it asks the database", async () => {
  const { ask, startWorker, ended, model, whenAbandoned } = await open([
    fails({ kind: "silence" }, { kind: "text", text: "Half" }),
    says("Here I am."),
  ]);
  await startWorker();
  const { runId } = await ask("go");
  const first = await model.waitForRequest(1);

  // The database would still renew the lease.
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + LEASE_SECONDS * 1_000);
  await whenAbandoned;
  await first.whenAborted;

  expect(await ended(runId)).toBe("Here I am.");
});

test("a worker whose machine slept must not act before the database has answered", async () => {
  const { startWorker } = await open([]);
  const worker = await startWorker();
  vi.useFakeTimers({ toFake: ["Date"] });

  const before = worker.isFresh();
  vi.setSystemTime(Date.now() + 60_000);
  const asItWakes = worker.isFresh();
  await expect.poll(() => worker.isFresh()).toBe(true);

  expect([before, asItWakes]).toEqual([true, false]);
});

test("a worker that was frozen for a moment must not act before the database has answered, though it counts as alive", async () => {
  const { startWorker } = await open([]);
  const worker = await startWorker();
  await expect.poll(() => worker.isFresh()).toBe(true);

  standStill();
  const asItGoesOn = [worker.isAlive(), worker.isFresh()];
  await expect.poll(() => worker.isFresh()).toBe(true);

  expect(asItGoesOn).toEqual([true, false]);
});

test("a run that is about to fail is not ended by a worker that loses the database in the meantime", async () => {
  const opened = await open([]);
  const { ask, startWorker, ended, read } = opened;
  const { runId } = await ask("go");
  await dieWithRun(opened, MAX_ATTEMPTS);
  const worker = await startWorker();
  await expect.poll(async () => (await read(runId)).run.attempt).toBe(MAX_ATTEMPTS + 1);

  await worker.cutOff();
  await ended(runId);

  expect((await read(runId)).run).toMatchObject({ attempt: MAX_ATTEMPTS + 2, handovers: 1 });
});

/** Blocks the process, as if it were frozen. */
function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
}
