import { expect, test } from "vitest";
import { createStateReader, type DatabaseState } from "../../../src/observability/metrics/database-state.ts";

const STATE: DatabaseState = {
  queuedRuns: 3,
  oldestQueuedSeconds: 12.5,
  runningRuns: 2,
  waitingDeliveries: 1,
  oldestDeliverySeconds: 4,
  liveWorkers: 2,
};

/** A database that answers when a test says so, and a clock that a test moves. */
function openDatabase({ limitMs = 60_000 } = {}) {
  let now = 0;
  const reads: PromiseWithResolvers<DatabaseState>[] = [];
  const read = createStateReader(
    () => {
      const asked = Promise.withResolvers<DatabaseState>();
      reads.push(asked);
      return asked.promise;
    },
    { maxAgeMs: 1_000, limitMs, now: () => now },
  );
  const advance = (ms: number) => {
    now += ms;
  };
  return { read, reads, advance };
}

test("however many ask at once, the database is asked once", async () => {
  const { read, reads } = openDatabase();

  const asking = [read(), read(), read()];
  reads[0]?.resolve(STATE);

  expect(await Promise.all(asking)).toEqual([STATE, STATE, STATE]);
  expect(reads).toHaveLength(1);
});

test("an answer is used for a second from its arrival on, and then asked for anew", async () => {
  const { read, reads, advance } = openDatabase();
  const first = read();
  advance(5_000);
  reads[0]?.resolve(STATE);
  await first;

  advance(999);
  const second = await read();
  advance(1);
  const third = read();
  reads[1]?.resolve({ ...STATE, queuedRuns: 4 });

  expect(second).toEqual(STATE);
  expect((await third)?.queuedRuns).toBe(4);
});

test("a database that does not answer in time is no state, and while it hangs nobody asks it again", async () => {
  const { read, reads, advance } = openDatabase({ limitMs: 1 });

  const answers = [await read(), await read()];
  advance(60_000);
  answers.push(await read());

  expect(answers).toEqual([null, null, null]);
  expect(reads).toHaveLength(1);
});

test("when one that hung answers after all, it is known again", async () => {
  const { read, reads } = openDatabase({ limitMs: 1 });
  await read();

  reads[0]?.resolve(STATE);

  await expect.poll(read).toEqual(STATE);
});

test("an error is no state, for a second", async () => {
  const { read, reads, advance } = openDatabase();
  const failing = read();
  reads[0]?.reject(new Error("connection refused"));
  const first = await failing;

  const second = await read();
  advance(1_000);
  const third = read();
  reads[1]?.resolve(STATE);

  expect([first, second, await third]).toEqual([null, null, STATE]);
});
