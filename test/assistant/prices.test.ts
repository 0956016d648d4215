import { expect, test } from "vitest";
import { costOf, PRICES } from "../../src/assistant/prices.ts";
import { loadConfig } from "../../src/config.ts";

const USAGE = { inputTokens: 1_000_000, cachedInputTokens: 400_000, outputTokens: 200_000, reasoningTokens: 150_000 };

test("fresh input, cached input and output each have their price, and reasoning is output", () => {
  expect(costOf("gpt-6-luna", USAGE)).toBeCloseTo(0.6 * 0.1 + 0.4 * 0.01 + 0.2 * 0.5, 10);
});

test("a model that answered without a token costs nothing", () => {
  const nothing = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 };

  expect(costOf("gpt-6-luna", nothing)).toBe(0);
});

test.each(["llama4:8b", "gpt-6-luna-turbo", "GPT-6-LUNA", ""])(
  "what %j costs is not known, and not nothing",
  (model) => {
    expect(costOf(model, USAGE)).toBeNull();
  },
);

test("a server that counts more as cached than came in does not make it cheaper than free", () => {
  expect(costOf("gpt-6-luna", { ...USAGE, cachedInputTokens: 9_000_000 })).toBeCloseTo(1 * 0.01 + 0.2 * 0.5, 10);
});

test("the model that is used when none is configured has a price, and each says when it was read", () => {
  const { model } = loadConfig({ OPENAI_API_KEY: "sk-of-a-test-0123456789abcdef" }, "/nonexistent.env");

  expect(costOf(model?.name ?? "", USAGE)).not.toBeNull();
  for (const { readIn } of PRICES.values()) expect(readIn).toMatch(/^20\d\d-(0[1-9]|1[0-2])$/);
});
