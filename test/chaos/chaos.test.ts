/**
 * The short chaos test: three real processes are killed, frozen and disconnected at random times from a seed. The auditor
 * must find no violation. `npm run chaos` is the long form.
 */
import { rm } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { drawPlan } from "./plan.ts";
import { reportOn } from "./report.ts";
import { runScenario } from "./scenario.ts";

/** A failure names the seed, so that it can be repeated. */
const SEED = process.env.CHAOS_SEED ?? "1";

test("three processes that are killed, frozen and disconnected at random lose nothing and repeat nothing", async () => {
  const store = await createTestDatabase();
  onTestFinished(() => store.close());
  const plan = drawPlan({
    seed: SEED,
    messages: 150,
    kills: 5,
    serverCrashes: 0,
    intake: "polling",
    durationMs: 20_000,
    privateChats: 25,
    groups: 1,
    forums: 1,
  });

  const { recording, durationMs, folder } = await runScenario({ plan, target: store.target, drainLimitMs: 90_000 });

  const { report, text } = reportOn(plan, recording, durationMs);
  expect.soft(text, `seed ${SEED}; logs in ${folder}`).toBe("");
  expect(report).toMatchObject({ messages: 150, lost: 0, violations: {} });
  // After a failure the logs are kept.
  if (text === "") await rm(folder, { recursive: true });
}, 240_000);
