import { expect, test } from "vitest";
import { waitUpTo } from "../src/wait-up-to.ts";

const never = new Promise(() => undefined);

test("the wait ends with the work, or with its limit", async () => {
  await expect(waitUpTo(3_600_000, Promise.resolve("done"))).resolves.toBeUndefined();
  await expect(waitUpTo(1, never)).resolves.toBeUndefined();
});

test("work that fails in time fails the wait", async () => {
  await expect(waitUpTo(3_600_000, Promise.reject(new Error("failed")))).rejects.toThrow("failed");
});
