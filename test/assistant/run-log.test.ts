import { expect, test } from "vitest";
import { addUsage, createSpending, type RunEnd, runEndFields } from "../../src/assistant/run-log.ts";
import { createCapturedLog } from "../support/log.ts";

const END: RunEnd = {
  run: { id: "run-1", threadId: "thread-1", attempt: 2, queuedAt: new Date("2026-11-24T08:00:00Z") },
  outcome: { status: "completed", errorCode: null, errorMessage: null },
  rounds: 3,
  model: "gpt-6-luna",
  spent: { toolCalls: 2, inputTokens: 1_200, cachedInputTokens: 1_000, outputTokens: 77, reasoningTokens: 50 },
  queuedMs: 12.4,
  firstTokenMs: 812.6,
  durationMs: 2_000.2,
};

test("the end of a run is one log line: ids, rounds, tokens, cost, times, outcome", () => {
  const log = createCapturedLog();

  log.logger.info(runEndFields(END), "run ended");

  expect(log.lines()).toEqual([
    {
      level: 30,
      time: expect.any(Number),
      runId: "run-1",
      threadId: "thread-1",
      attempt: 2,
      outcome: "completed",
      errorCode: null,
      rounds: 3,
      toolCalls: 2,
      inputTokens: 1_200,
      cachedInputTokens: 1_000,
      outputTokens: 77,
      reasoningTokens: 50,
      costUsd: 0.000069,
      queuedMs: 12,
      firstTokenMs: 813,
      durationMs: 2_000,
      msg: "run ended",
    },
  ]);
});

test("without a price the line has no cost, and without a text no time of its first token", () => {
  const fields = runEndFields({ ...END, model: "llama4:8b", firstTokenMs: null });

  expect(fields).not.toHaveProperty("costUsd");
  expect(fields.firstTokenMs).toBeNull();
});

test("the line of a failed run has the code but no message: a provider's message may quote the question", () => {
  const errorMessage = "The model's server answered: cannot say 'secret recipe'";

  const fields = runEndFields({ ...END, outcome: { status: "failed", errorCode: "MODEL_FAILED", errorMessage } });

  expect(fields).toMatchObject({ outcome: "failed", errorCode: "MODEL_FAILED" });
  expect(JSON.stringify(fields)).not.toContain("secret recipe");
});

test("the tokens of an attempt are the sum over its calls", () => {
  const spent = createSpending();

  addUsage(spent, { inputTokens: 10, cachedInputTokens: 5, outputTokens: 3, reasoningTokens: 1 });
  addUsage(spent, { inputTokens: 20, cachedInputTokens: 15, outputTokens: 4, reasoningTokens: 2 });

  expect(spent).toEqual({ toolCalls: 0, inputTokens: 30, cachedInputTokens: 20, outputTokens: 7, reasoningTokens: 3 });
});

test("with an uncounted call, all tokens and the cost are unknown, not too low", () => {
  const spent = createSpending();

  addUsage(spent, null);
  addUsage(spent, { inputTokens: 20, cachedInputTokens: 15, outputTokens: 4, reasoningTokens: 2 });

  const fields = runEndFields({ ...END, spent });
  expect(fields).toMatchObject({
    inputTokens: null,
    cachedInputTokens: null,
    outputTokens: null,
    reasoningTokens: null,
  });
  expect(fields).not.toHaveProperty("costUsd");
});
