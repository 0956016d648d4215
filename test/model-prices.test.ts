import { expect, test } from "vitest";
import { loadConfig } from "../src/config.ts";
import { costOf, type ModelPrice, PRICES, spansOf } from "../src/model-prices.ts";

const USAGE = { inputTokens: 1_000_000, cachedInputTokens: 400_000, outputTokens: 200_000, reasoningTokens: 150_000 };
const NOVEMBER = new Date("2026-11-24T08:00:00Z");

/** A higher price from December on, listed first. */
const DATED: ModelPrice[] = [
  { model: "luna", from: "2026-12-01", inputUsd: "2", cachedInputUsd: "1", outputUsd: "8" },
  { model: "luna", from: "2026-11-01", inputUsd: "1", cachedInputUsd: "0.5", outputUsd: "4" },
];

test("input, cached input and output each have a price, and reasoning counts as output", () => {
  // 0.6 x 0.1 + 0.4 x 0.01 + 0.2 x 0.5
  expect(costOf("gpt-6-luna", USAGE, NOVEMBER)).toBe("0.164");
});

test("a cost of any size is exact", () => {
  const nothing = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0 };

  expect(costOf("gpt-6-luna", { ...nothing, inputTokens: 1, cachedInputTokens: 1 }, NOVEMBER)).toBe("0.00000001");
  expect(costOf("gpt-6-luna", { ...nothing, outputTokens: 2_147_483_647 }, NOVEMBER)).toBe("1073.7418235");
});

test("a call without tokens costs nothing", () => {
  const nothing = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0 };
  const uncounted = { inputTokens: null, cachedInputTokens: null, outputTokens: null };

  expect([costOf("gpt-6-luna", nothing, NOVEMBER), costOf("gpt-6-luna", uncounted, NOVEMBER)]).toEqual(["0", "0"]);
});

test.each(["llama4:8b", "gpt-6-luna-turbo", "GPT-6-LUNA", ""])("the cost of %j is unknown, not 0", (model) => {
  expect(costOf(model, USAGE, NOVEMBER)).toBeNull();
});

test.each([
  ["2026-10-31T23:59:59.999Z", null],
  ["2026-11-01T00:00:00.000Z", "5"],
  ["2026-11-30T23:59:59.999Z", "5"],
  ["2026-12-01T00:00:00.000Z", "10"],
  ["2126-01-01T00:00:00.000Z", "10"],
])("the price of the UTC day applies: asked at %s", (askedAt, cost) => {
  const tokens = { inputTokens: 1_000_000, cachedInputTokens: 0, outputTokens: 1_000_000 };

  expect(costOf("luna", tokens, new Date(askedAt), DATED)).toBe(cost);
});

test("more cached tokens than input tokens do not make a cost negative", () => {
  expect(costOf("gpt-6-luna", { ...USAGE, cachedInputTokens: 9_000_000 }, NOVEMBER)).toBe("0.11");
});

test.each([Number.NaN, 1.5, -3])("an invalid count of %d tokens counts as 0", (inputTokens) => {
  expect(costOf("gpt-6-luna", { ...USAGE, inputTokens }, NOVEMBER)).toBe("0.1");
});

test("the default model has a price", () => {
  const { model } = loadConfig({ OPENAI_API_KEY: "sk-of-a-test-0123456789abcdef" }, "/nonexistent.env");

  expect(costOf(model?.name ?? "", USAGE, NOVEMBER)).not.toBeNull();
});

test.each(["0.1234567", "1e-7", "-1", "1.", "", "0.1.2"])(
  "a price that would not be exact is rejected: %j",
  (inputUsd) => {
    const prices = [{ model: "luna", from: "2026-11-01", inputUsd, cachedInputUsd: "1", outputUsd: "1" }];

    expect(() => costOf("luna", USAGE, NOVEMBER, prices)).toThrow("not a price");
  },
);

test("every price is dated, a model has one per day, and no amount has more than six decimals", () => {
  const names = PRICES.map(({ model, from }) => `${model} ${from}`);

  expect(new Set(names).size).toBe(names.length);
  for (const { from, inputUsd, cachedInputUsd, outputUsd } of PRICES) {
    expect(Temporal.PlainDate.from(from).toString()).toBe(from);
    for (const usd of [inputUsd, cachedInputUsd, outputUsd]) expect(usd).toMatch(/^\d+(\.\d{1,6})?$/);
  }
});

test("a price ends when the model's next one starts, in any order of the table", () => {
  expect(spansOf(DATED).map(({ fromInstant, untilInstant }) => [fromInstant, untilInstant])).toEqual([
    ["2026-12-01T00:00:00.000Z", null],
    ["2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"],
  ]);
});
