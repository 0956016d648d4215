import { afterEach, expect, test } from "vitest";
import { calls, fails, says, scripted } from "../../sandbox/model/script.ts";
import type { Turn } from "../../sandbox/model/turn.ts";
import { runAssistant, StoppedError } from "../../src/assistant/run.ts";
import { releaseRun } from "../../src/db/queries/runs/run-queue.ts";
import { openRunTest, type RunTest, tool } from "./run-support.ts";

let runTest: RunTest | undefined;

afterEach(async () => {
  await runTest?.close();
  runTest = undefined;
});

async function open(...turns: Turn[]): Promise<RunTest> {
  runTest = await openRunTest(scripted(turns), { tools: [tool("Echo", ({ n }) => ({ n }))] });
  return runTest;
}

const echo = (n: number) => ({ name: "Echo", arguments: { n } });
const control = () => ({ signal: new AbortController().signal, emit: () => undefined });

test("an attempt reports the tokens of all its model calls, and its tool calls", async () => {
  const { ask, claim, loop, takeLock, read } = await open(calls(echo(1), echo(2)), calls(echo(3)), says("Six."));
  const { runId } = await ask("add up");

  const { spent, rounds } = await runAssistant(loop, await claim(await takeLock()), control());

  const { run } = await read(runId);
  expect(rounds).toBe(3);
  expect(spent).toEqual({
    toolCalls: 3,
    inputTokens: run.inputTokens,
    cachedInputTokens: run.cachedInputTokens,
    outputTokens: run.outputTokens,
    reasoningTokens: run.reasoningTokens,
  });
  expect(spent?.inputTokens).toBeGreaterThan(0);
});

test("an attempt that continues an earlier one does not count its tokens again", async () => {
  const {
    ask,
    claim,
    loop,
    takeLock,
    test: own,
    read,
  } = await open(calls(echo(1)), fails({ status: 400 }), says("One."));
  const { runId } = await ask("count");
  const lock = await takeLock();
  const first = await claim(lock);
  const earlier = await runAssistant(loop, first, control());
  await releaseRun(own.db, first, { counts: false });

  const later = await runAssistant(loop, await claim(lock), control());

  const { run } = await read(runId);
  expect(earlier.outcome.status).toBe("failed");
  expect(earlier.spent?.toolCalls).toBe(1);
  expect(later.spent?.toolCalls).toBe(0);
  expect((earlier.spent?.outputTokens ?? 0) + (later.spent?.outputTokens ?? 0)).toBe(run.outputTokens);
});

test("a run that a person stopped reports its tokens until then", async () => {
  const abort = new AbortController();
  runTest = await openRunTest(scripted([calls(echo(1))]), {
    tools: [
      tool("Echo", ({ n }) => {
        abort.abort(new StoppedError());
        return { n };
      }),
    ],
  });
  await runTest.ask("count");
  const run = await runTest.claim(await runTest.takeLock());

  const { outcome, spent } = await runAssistant(runTest.loop, run, { signal: abort.signal, emit: () => undefined });

  expect(outcome.status).toBe("cancelled");
  expect(spent?.toolCalls).toBe(1);
  expect(spent?.outputTokens).toBeGreaterThan(0);
});
