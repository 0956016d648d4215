import { expect, test } from "vitest";
import { backoffMs, type Retry, type RetryOptions, retry } from "../../src/process/retry.ts";

const BACKOFF = { firstMs: 500, longestMs: 2_000 };

/** An operation that fails `failures` times, retried on a clock that does not wait. */
function start(failures: number, options: Partial<RetryOptions> = {}) {
  const retries: Retry[] = [];
  const slept: number[] = [];
  let tries = 0;
  const operation = async () => {
    tries += 1;
    if (tries <= failures) throw new Error(`failure ${tries}`);
    return "done";
  };
  const result = retry(operation, {
    ...BACKOFF,
    sleep: async (ms) => slept.push(ms),
    onRetry: (each) => retries.push(each),
    ...options,
  });
  return { result, retries, slept, tries: () => tries };
}

test("an operation is retried until it succeeds, after pauses that double up to the longest", async () => {
  const { result, retries, slept } = start(4);

  expect(await result).toBe("done");
  expect(slept).toEqual([500, 1_000, 2_000, 2_000]);
  expect(retries).toMatchObject([{ failures: 1 }, { failures: 2 }, { failures: 3 }, { failures: 4, waitMs: 2_000 }]);
});

test("without a longest pause all pauses are equal", async () => {
  const slept: number[] = [];
  let failures = 3;
  const operation = async () => {
    if (failures-- > 0) throw new Error("failed");
  };

  await retry(operation, { firstMs: 300, sleep: async (ms) => slept.push(ms) });

  expect(slept).toEqual([300, 300, 300]);
});

test("after the last try the operation's own error is thrown, without a pause", async () => {
  const { result, slept } = start(9, { maxTries: 3 });

  await expect(result).rejects.toThrow("failure 3");
  expect(slept).toHaveLength(2);
});

test("an error that is not retryable is thrown at once", async () => {
  const { result, tries } = start(9, { isRetryable: (error) => !String(error).includes("failure 2") });

  await expect(result).rejects.toThrow("failure 2");
  expect(tries()).toBe(2);
});

test.each([
  [0, 1_000],
  [0.5, 1_500],
  [1, 2_000],
])("with jitter a pause is what the server asks for and a random part (%d) of the backoff", (random, waitMs) => {
  const backoff = { firstMs: 1_000, hasJitter: true, random: () => random, askedMs: () => 1_000 };

  expect(backoffMs(1, backoff, new Error("busy"))).toBe(waitMs);
});

test("without jitter a pause is what the server asks for or the backoff, whichever is longer", () => {
  const pause = (askedMs: number) => backoffMs(1, { ...BACKOFF, askedMs: () => askedMs });

  expect([pause(100), pause(7_000)]).toEqual([500, 7_000]);
});

test("a server that asks for too long a wait is not waited for", async () => {
  const { result, slept } = start(9, { askedMs: () => 61_000, maxAskedMs: 60_000 });

  await expect(result).rejects.toThrow("failure 1");
  expect(slept).toEqual([]);
});

test("an abort ends a pause at once, with the signal's reason", async () => {
  const stop = new AbortController();
  let tries = 0;
  const operation = async () => {
    tries += 1;
    throw new Error("failed");
  };
  const onRetry = () => queueMicrotask(() => stop.abort(new Error("stopped")));

  const result = retry(operation, { firstMs: 60_000, signal: stop.signal, onRetry });

  await expect(result).rejects.toThrow("stopped");
  expect(tries).toBe(1);
});

test("an operation that fails after an abort is not retried: its own error is thrown", async () => {
  const stop = new AbortController();
  const operation = async () => {
    stop.abort(new Error("stopped"));
    throw new Error("failed");
  };

  await expect(retry(operation, { ...BACKOFF, signal: stop.signal })).rejects.toThrow("failed");
});

test("after an abort there is no first try", async () => {
  const { result, tries } = start(0, { signal: AbortSignal.abort(new Error("stopped")) });

  await expect(result).rejects.toThrow("stopped");
  expect(tries()).toBe(0);
});
