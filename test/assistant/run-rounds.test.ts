import { asc, eq } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { calls, fails, says, scripted } from "../../sandbox/model/script.ts";
import type { Turn } from "../../sandbox/model/turn.ts";
import { runAssistant } from "../../src/assistant/run.ts";
import { releaseRun } from "../../src/db/queries/runs/run-queue.ts";
import type { RoundUsage } from "../../src/db/queries/runs/run-rounds.ts";
import { storeRound } from "../../src/db/queries/runs/run-steps.ts";
import { runRounds, runs } from "../../src/db/schema/index.ts";
import { NEW_YORK } from "../support/shop.ts";
import { openRunTest, type RunTest, tool } from "./run-support.ts";

let runTest: RunTest | undefined;

afterEach(async () => {
  await runTest?.close();
  runTest = undefined;
});

async function open(turns: readonly Turn[], maxRounds = 8): Promise<RunTest> {
  runTest = await openRunTest(scripted(turns), { maxRounds, tools: [tool("Echo", ({ n }) => ({ n }))] });
  return runTest;
}

const echo = { name: "Echo", arguments: { n: 1 } };
const control = () => ({ signal: new AbortController().signal, emit: () => undefined });

/** Seconds after noon, one more at each read. */
function countingClock(day: string): () => Date {
  let seconds = 0;
  return () => {
    seconds += 1;
    return new Date(Date.parse(`${day}T12:00:00Z`) + seconds * 1_000);
  };
}

function roundsOf({ test: { db } }: RunTest, runId: string) {
  return db.select().from(runRounds).where(eq(runRounds.runId, runId)).orderBy(asc(runRounds.round));
}

test("each model call is stored with its model, prompt version, settings, tokens and times", async () => {
  const opened = await open([calls(echo), says("One.")], 2);
  const { runId } = await opened.ask("count");
  const loop = { ...opened.loop, now: countingClock("2026-11-24") };

  await runAssistant(loop, await opened.claim(await opened.takeLock()), control());

  const [first, second] = await roundsOf(opened, runId);
  const { run } = await opened.read(runId);
  const words = { runId, model: "test-model", promptVersion: expect.stringMatching(/^[0-9a-f]{12}$/) };
  expect(first).toMatchObject({
    ...words,
    round: 1,
    settings: { max_output_tokens: 16_000, tool_choice: "auto" },
    firstTokenAt: null,
  });
  expect(second).toMatchObject({ ...words, round: 2, settings: { max_output_tokens: 16_000, tool_choice: "none" } });
  expect(second?.promptVersion).toBe(first?.promptVersion);
  for (const count of ["inputTokens", "cachedInputTokens", "outputTokens", "reasoningTokens"] as const) {
    expect((first?.[count] ?? 0) + (second?.[count] ?? 0)).toBe(run[count]);
  }
  expect(first?.inputTokens).toBeGreaterThan(0);
  const times = [first?.startedAt, first?.completedAt, second?.startedAt, second?.firstTokenAt, second?.completedAt];
  expect(times.map(Number)).toEqual(times.map(Number).toSorted((one, other) => one - other));
  expect(new Set(times.map(Number)).size).toBe(5);
});

test("the prompt version is the same for another shop, day, person and language", async () => {
  const opened = await open([says("One."), says("Two.")]);
  const lock = await opened.takeLock();
  const here = await opened.ask("hello");
  await runAssistant(opened.loop, await opened.claim(lock), control());
  const there = await opened.ask("xin chào", { from: 7_002, language: "vi", role: "staff" });
  const loop = { ...opened.loop, shop: NEW_YORK, now: countingClock("2027-02-03") };

  await runAssistant(loop, await opened.claim(lock), control());

  const versions = [...(await roundsOf(opened, here.runId)), ...(await roundsOf(opened, there.runId))];
  expect(versions).toHaveLength(2);
  expect(new Set(versions.map((round) => round.promptVersion)).size).toBe(1);
});

test("without one of the tools the prompt version is another", async () => {
  const opened = await open([says("One."), says("Two.")]);
  const lock = await opened.takeLock();
  const here = await opened.ask("hello");
  await runAssistant(opened.loop, await opened.claim(lock), control());
  const there = await opened.ask("hello", { from: 7_002 });

  await runAssistant({ ...opened.loop, tools: new Map() }, await opened.claim(lock), control());

  const [one] = await roundsOf(opened, here.runId);
  const [other] = await roundsOf(opened, there.runId);
  expect(other?.promptVersion).not.toBe(one?.promptVersion);
});

test("an attempt that continues an earlier one leaves its rounds as they are", async () => {
  const opened = await open([calls(echo), fails({ status: 400 }), says("One.")]);
  const { runId } = await opened.ask("count");
  const lock = await opened.takeLock();
  const first = await opened.claim(lock);
  await runAssistant(opened.loop, first, control());
  const [before] = await roundsOf(opened, runId);
  await releaseRun(opened.test.db, first, { counts: false });

  const { outcome } = await runAssistant(opened.loop, await opened.claim(lock), control());

  const after = await roundsOf(opened, runId);
  expect(outcome.status).toBe("completed");
  expect(after.map((round) => round.round)).toEqual([1, 2]);
  expect(after[0]).toEqual(before);
});

test("a round that was cut short and is asked again counts the tokens of both calls, as its run does", async () => {
  const opened = await open([
    fails({ kind: "incomplete", reason: "max_output_tokens" }, { kind: "text", text: "On" }),
    says("One."),
  ]);
  const { runId } = await opened.ask("count");
  const lock = await opened.takeLock();
  const first = await opened.claim(lock);
  await runAssistant(opened.loop, first, control());
  const [cutShort] = await roundsOf(opened, runId);
  await releaseRun(opened.test.db, first, { counts: false });

  await runAssistant(opened.loop, await opened.claim(lock), control());

  const [again, ...more] = await roundsOf(opened, runId);
  const [run] = await opened.test.db.select().from(runs).where(eq(runs.id, runId));
  expect(more).toEqual([]);
  expect(again?.inputTokens).toBe(run?.inputTokens);
  expect(again?.inputTokens).toBeGreaterThan(cutShort?.inputTokens ?? 0);
  expect(Number(again?.startedAt)).toBeGreaterThanOrEqual(Number(cutShort?.completedAt));
});

test("a repeated round with an uncounted call, or a sum that no column holds, has unknown tokens", async () => {
  const opened = await open([]);
  const { runId } = await opened.ask("count");
  const claim = await opened.claim(await opened.takeLock());
  const at = new Date("2026-11-24T12:00:00Z");
  const facts = {
    model: "m",
    promptVersion: "v",
    inputCut: "none" as const,
    settings: {},
    startedAt: at,
    firstTokenAt: null,
    completedAt: at,
  };
  const store = (round: number, usage: RoundUsage | null) =>
    storeRound(opened.test.db, claim, { ...facts, round, usage, items: [], calls: [] });
  const some = { inputTokens: 5, cachedInputTokens: 0, outputTokens: 2, reasoningTokens: 0 };

  for (const usage of [null, some]) await store(1, usage);
  for (const usage of [some, null]) await store(2, usage);
  for (const usage of [some, { ...some, outputTokens: 2_147_483_647 }]) await store(3, usage);
  for (const usage of [some, some]) await store(4, usage);

  const rounds = await roundsOf(opened, runId);
  const { run } = await opened.read(runId);
  expect(rounds.map(({ inputTokens, outputTokens }) => [inputTokens, outputTokens])).toEqual([
    [null, null],
    [null, null],
    [null, null],
    [10, 4],
  ]);
  expect(run).toMatchObject({ inputTokens: null, outputTokens: null, reasoningTokens: null });
});
