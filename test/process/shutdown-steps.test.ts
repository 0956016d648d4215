import { expect, test } from "vitest";
import { runShutdownSteps } from "../../src/process/shutdown-steps.ts";

test("a failed shutdown step is reported, and the steps after it still run, in order", async () => {
  const done: string[] = [];
  const failures: unknown[] = [];
  const step = (name: string) => async () => void done.push(name);
  const broken = new Error("the connection is gone");

  await runShutdownSteps([step("intake"), () => Promise.reject(broken), step("lock")], (error) => failures.push(error));

  expect(done).toEqual(["intake", "lock"]);
  expect(failures).toEqual([broken]);
});
