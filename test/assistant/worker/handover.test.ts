/** How a run passes from one worker to the next, and when it does so no more. */
import { afterEach, expect, test, vi } from "vitest";
import { fails, says, scripted } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";
import { MAX_ATTEMPTS, MAX_BEGINNINGS } from "../../../src/assistant/limits.ts";
import { ModelError } from "../../../src/assistant/model/error.ts";
import { createUncountedAttempts } from "../../../src/assistant/worker/uncounted-attempts.ts";
import { finalReply, textsIn } from "../../../src/bot/texts.ts";
import { uncountAttempts } from "../../../src/db/queries/runs/run-queue.ts";
import { runs } from "../../../src/db/schema/index.ts";
import { closeDatabaseToEveryone, openDatabaseAgain, recordLog } from "../../bot/intake/intake-support.ts";
import { openRoom, type Room, type RoomOptions } from "../run-room.ts";

let room: Room | undefined;

afterEach(async () => {
  vi.useRealTimers();
  await room?.close();
  room = undefined;
});

async function open(turns: readonly Turn[], options?: RoomOptions): Promise<Room> {
  room = await openRoom(scripted(turns), options);
  return room;
}

/** The run is claimed by `times` workers, one after the other, which die. */
async function dieWithRun({ claim, takeLock }: Room, times: number): Promise<void> {
  for (let attempt = 1; attempt <= times; attempt += 1) {
    const lock = await takeLock();
    await claim(lock);
    await lock.release();
  }
}

test("a run that was begun too often goes on when its last worker says that it only lost the database", async () => {
  const opened = await open([says("Here I am.")]);
  const { ask, startWorker, ended, read, test: database } = opened;
  const { runId } = await ask("go");
  await dieWithRun(opened, MAX_ATTEMPTS);

  await startWorker();
  await expect.poll(async () => (await read(runId)).run.attempt).toBe(MAX_ATTEMPTS + 1);
  await uncountAttempts(database.db, [runId]);

  expect(await ended(runId)).toBe("Here I am.");
});

test("a run whose attempts were no fault of its own is not begun for ever all the same", async () => {
  const opened = await open([]);
  const { ask, startWorker, ended, model, test: database } = opened;
  const { runId } = await ask("go");
  await database.db.update(runs).set({ attempt: MAX_BEGINNINGS, handovers: MAX_BEGINNINGS });

  await startWorker();

  expect(await ended(runId)).toBe(textsIn("en").faults.TOO_MANY_ATTEMPTS);
  expect(model.requests).toEqual([]);
});

test("an attempt that was lost with the database is excused when that is back, and once only", async () => {
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

test("a fault of ours while a run ends counts as an attempt: the person hears of it in the end", async () => {
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

test("a run ends also when its fault is told in words that no database stores, or too many of them", async () => {
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

test("a worker that stops hands a run over only when nothing of it is on its way to be shown any more", async () => {
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

test("a run that its worker claimed without hearing of it is given back, and answered", async () => {
  const { ask, claim, startWorker, ended, read } = await open([says("Here I am.")]);
  const worker = await startWorker({ claims: false });
  const { runId } = await ask("go");
  await claim({ workerId: worker.id() });

  await expect.poll(async () => (await read(runId)).run.handovers, { timeout: 15_000 }).toBe(1);
  await startWorker();

  expect(await ended(runId)).toBe("Here I am.");
});

test("a worker whose machine was asleep must not act before it has heard from the database", async () => {
  const { startWorker } = await open([]);
  const worker = await startWorker();
  vi.useFakeTimers({ toFake: ["Date"] });

  const before = worker.isFresh();
  vi.setSystemTime(Date.now() + 60_000);
  const asItWakes = worker.isFresh();
  await expect.poll(() => worker.isFresh()).toBe(true);

  expect([before, asItWakes]).toEqual([true, false]);
});

test("a worker that stood still for a moment must not act before it has heard from the database, though it counts as alive", async () => {
  const { startWorker } = await open([]);
  const worker = await startWorker();
  await expect.poll(() => worker.isFresh()).toBe(true);

  standStill();
  const asItGoesOn = [worker.isAlive(), worker.isFresh()];
  await expect.poll(() => worker.isFresh()).toBe(true);

  expect(asItGoesOn).toEqual([true, false]);
});

test("a run that is about to fail is not ended by a worker that loses the database meanwhile", async () => {
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

/** As a process does that is frozen: nothing of it runs. */
function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
}
