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

/** A database and a clock that the test controls. */
function openDatabase({ timeoutMs = 60_000 } = {}) {
  let now = 0;
  const reads: PromiseWithResolvers<DatabaseState>[] = [];
  const read = createStateReader(
    () => {
      const asked = Promise.withResolvers<DatabaseState>();
      reads.push(asked);
      return asked.promise;
    },
    { maxAgeMs: 1_000, timeoutMs, now: () => now },
  );
  const advance = (ms: number) => {
    now += ms;
  };
  return { read, reads, advance };
}

test("any number of concurrent scrapes read the database once", async () => {
  const { read, reads } = openDatabase();

  const asking = [read(), read(), read()];
  reads[0]?.resolve(STATE);

  expect(await Promise.all(asking)).toEqual([STATE, STATE, STATE]);
  expect(reads).toHaveLength(1);
});

test("an answer is reused for a second after its arrival, and then read again", async () => {
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

test("a database that does not answer in time gives null, and is not asked again while it hangs", async () => {
  const { read, reads, advance } = openDatabase({ timeoutMs: 1 });

  const answers = [await read(), await read()];
  advance(60_000);
  answers.push(await read());

  expect(answers).toEqual([null, null, null]);
  expect(reads).toHaveLength(1);
});

test("a late answer is used by the next scrape", async () => {
  const { read, reads } = openDatabase({ timeoutMs: 1 });
  await read();

  reads[0]?.resolve(STATE);

  await expect.poll(read).toEqual(STATE);
});

test("an error gives null for a second", async () => {
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
