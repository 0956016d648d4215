/**
 * What tokens cost, by model: one table, with the date it was read. Pure.
 *
 * A model that is not in it, such as one on a server of one's own, has no known cost: that is null, and never 0.
 */
import type { RoundUsage } from "../db/queries/run-steps.ts";

/** US dollars for a million tokens. */
export interface Price {
  input: number;
  /** Input that the provider had in its cache. */
  cachedInput: number;
  /** Reasoning included. */
  output: number;
  /** The month in which the provider's price list said so. */
  readIn: string;
}

/** By the exact name that the provider gives the model: prices of names that only look alike are guesses. */
export const PRICES: ReadonlyMap<string, Price> = new Map([
  ["gpt-6-luna", { input: 0.1, cachedInput: 0.01, output: 0.5, readIn: "2026-11" }],
]);

const TOKENS_OF_A_PRICE = 1_000_000;

/** The cost in US dollars of so many tokens; null when the model's price is not known. */
export function costOf(model: string, usage: RoundUsage): number | null {
  const price = PRICES.get(model);
  if (!price) return null;
  // A server may count more as cached than came in: nothing costs less than nothing.
  const cached = Math.min(usage.cachedInputTokens, usage.inputTokens);
  const fresh = usage.inputTokens - cached;
  return (fresh * price.input + cached * price.cachedInput + usage.outputTokens * price.output) / TOKENS_OF_A_PRICE;
}
