import { expect, test } from "vitest";
import { createActiveRuns } from "../../../src/assistant/worker/active-runs.ts";

test("a stop that arrives before its run begins is not lost, and stops no later attempt", async () => {
  const active = createActiveRuns(() => undefined);
  const reasons: unknown[] = [];
  const note = async ({ signal }: AbortController) => void reasons.push(signal.reason);

  active.stop("stopped early", new Error("stop"));
  active.abort("another", new Error("its lease was lost, of an attempt that is over"));
  await active.begin({ id: "another" }, note);
  await active.begin({ id: "stopped early" }, note);
  await active.begin({ id: "stopped early" }, note);

  expect(reasons).toEqual([undefined, new Error("stop"), undefined]);
});
