/**
 * The short form of chaos: three real processes, killed, frozen and cut off at points drawn from a seed, and an auditor that
 * finds nothing to object to. `npm run chaos` is the long form.
 */
import { rm } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { drawPlan } from "./plan.ts";
import { reportOn } from "./report.ts";
import { playScene } from "./scenario.ts";

/** Another one may be given to see more; it is named in what a failure says. */
const SEED = process.env.CHAOS_SEED ?? "1";

test("killed, frozen and cut off at random, three processes lose nothing and do nothing twice", async () => {
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

  const { recording, durationMs, folder } = await playScene({ plan, target: store.target, drainLimitMs: 90_000 });

  const { report, text } = reportOn(plan, recording, durationMs);
  expect.soft(text, `seed ${SEED}; logs in ${folder}`).toBe("");
  expect(report).toMatchObject({ messages: 150, lost: 0, violations: {} });
  // What a failure was found in stays.
  if (text === "") await rm(folder, { recursive: true });
}, 240_000);
