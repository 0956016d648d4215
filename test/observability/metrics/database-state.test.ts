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

/** A database that answers when the test says so. */
function openDatabase({ timeoutMs = 60_000 } = {}) {
  const reads: PromiseWithResolvers<DatabaseState>[] = [];
  const read = createStateReader(() => {
    const asked = Promise.withResolvers<DatabaseState>();
    reads.push(asked);
    return asked.promise;
  }, timeoutMs);
  return { read, reads };
}

test("any number of concurrent scrapes read the database once", async () => {
  const { read, reads } = openDatabase();

  const asking = [read(), read(), read()];
  reads[0]?.resolve(STATE);

  expect(await Promise.all(asking)).toEqual([STATE, STATE, STATE]);
  expect(reads).toHaveLength(1);
});

test("each scrape after an answer reads again", async () => {
  const { read, reads } = openDatabase();
  const first = read();
  reads[0]?.resolve(STATE);
  await first;

  const second = read();
  reads[1]?.resolve({ ...STATE, queuedRuns: 4 });

  expect((await second)?.queuedRuns).toBe(4);
});

test("a database that does not answer in time gives null, and is not asked again while it hangs", async () => {
  const { read, reads } = openDatabase({ timeoutMs: 1 });

  const answers = [await read(), await read(), await read()];

  expect(answers).toEqual([null, null, null]);
  expect(reads).toHaveLength(1);
});

test("after an error the next scrape reads again", async () => {
  const { read, reads } = openDatabase();
  const failing = read();
  reads[0]?.reject(new Error("connection refused"));
  const first = await failing;

  const second = read();
  reads[1]?.resolve(STATE);

  expect([first, await second]).toEqual([null, STATE]);
});
