import { expect, test } from "vitest";
import { untilAborted, waitUpTo } from "../../src/process/timeout.ts";

const never = new Promise(() => undefined);

test("the wait ends with the work, or at its limit", async () => {
  await expect(waitUpTo(3_600_000, Promise.resolve("done"))).resolves.toBeUndefined();
  await expect(waitUpTo(1, never)).resolves.toBeUndefined();
});

test("work that fails within the limit rejects the wait", async () => {
  await expect(waitUpTo(3_600_000, Promise.reject(new Error("failed")))).rejects.toThrow("failed");
});

test("an aborted wait rejects with the reason, and work that is done first wins", async () => {
  const giving = new AbortController();
  const waiting = untilAborted(giving.signal, never);
  expect(await untilAborted(giving.signal, Promise.resolve("done"))).toBe("done");

  giving.abort(new Error("given up"));

  await expect(waiting).rejects.toThrow("given up");
  await expect(untilAborted(giving.signal, never)).rejects.toThrow("given up");
});
