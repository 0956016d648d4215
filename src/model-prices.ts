/**
 * What tokens cost, by model and day: one dated table, and exact amounts by it. Pure.
 *
 * A model that is not in it, such as one on a server of one's own, has no known cost, and neither has what was asked before
 * a model's first price: that is null, and never 0. Sums over many runs are the database's work (`db/queries/admin-costs.ts`).
 */

/** What a model's tokens cost from a day on, in US dollars for a million of them, as plain decimals. */
export interface ModelPrice {
  /** By the exact name that the provider gives the model: prices of names that only look alike are guesses. */
  readonly model: string;
  /** The first day that it holds, by UTC: until the model's next price, if there is one. */
  readonly from: string;
  readonly inputUsd: string;
  /** Input that the provider had in its cache. */
  readonly cachedInputUsd: string;
  /** Reasoning included. */
  readonly outputUsd: string;
}

/** A new price is a new line: an old one stays, so that what was asked in its days costs what it did. */
export const PRICES: readonly ModelPrice[] = [
  // Read from the provider's list in November 2026; no run of this product is older.
  { model: "gpt-6-luna", from: "2026-11-01", inputUsd: "0.1", cachedInputUsd: "0.01", outputUsd: "0.5" },
];

/** The tokens that have a price; a server that does not count some says null. */
export interface PricedTokens {
  readonly inputTokens: number | null;
  readonly cachedInputTokens: number | null;
  readonly outputTokens: number | null;
}

/** The stretch of time in which a price holds, half-open. */
export interface PriceSpan extends ModelPrice {
  readonly fromInstant: string;
  /** Null for a price that still holds. */
  readonly untilInstant: string | null;
}

/** Decimals of a price and of its cost: the price's own, and six more since it is for a million tokens. */
const PRICE_DECIMALS = 6;
const PRICE = new RegExp(`^\\d+(\\.\\d{1,${PRICE_DECIMALS}})?$`);
const COST_DECIMALS = PRICE_DECIMALS + 6;

/**
 * The cost in US dollars, exact, of tokens that were asked for at this time; null when the model's price then is not known.
 *
 * @returns a plain decimal, such as `0.000123`.
 */
export function costOf(
  model: string,
  tokens: PricedTokens,
  askedAt: Date,
  prices: readonly ModelPrice[] = PRICES,
): string | null {
  const price = spansOf(prices).find((span) => span.model === model && isWithin(span, askedAt));
  if (!price) return null;
  const input = whole(tokens.inputTokens);
  const cached = whole(tokens.cachedInputTokens);
  // A server may count more as cached than came in: nothing costs less than nothing.
  const read = Math.min(cached, input);
  return decimalOf(
    amount(input - read, price.inputUsd) +
      amount(read, price.cachedInputUsd) +
      amount(whole(tokens.outputTokens), price.outputUsd),
  );
}

/** The prices, each with the time in which it holds. */
export function spansOf(prices: readonly ModelPrice[]): PriceSpan[] {
  return prices.map((price) => {
    const later = prices
      .filter(({ model, from }) => model === price.model && from > price.from)
      .map(({ from }) => from);
    const next = later.toSorted()[0];
    return { ...price, fromInstant: startOfUtcDay(price.from), untilInstant: next ? startOfUtcDay(next) : null };
  });
}

function isWithin({ fromInstant, untilInstant }: PriceSpan, at: Date): boolean {
  return at >= new Date(fromInstant) && (untilInstant === null || at < new Date(untilInstant));
}

function startOfUtcDay(day: string): string {
  return `${day}T00:00:00.000Z`;
}

/** A server says what it likes: what is no count of tokens counts as none. */
function whole(count: number | null): number {
  return count !== null && Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** With `COST_DECIMALS` decimals, as an integer. @throws for a price with more than `PRICE_DECIMALS`. */
function amount(tokens: number, usd: string): bigint {
  // With a digit more it would silently be ten times too much.
  if (!PRICE.test(usd)) throw new RangeError(`no price with at most ${PRICE_DECIMALS} decimals: ${usd}`);
  const [units = "", decimals = ""] = usd.split(".");
  return BigInt(tokens) * BigInt(units + decimals.padEnd(PRICE_DECIMALS, "0"));
}

function decimalOf(scaledUsd: bigint): string {
  const digits = scaledUsd.toString().padStart(COST_DECIMALS + 1, "0");
  const decimals = digits.slice(-COST_DECIMALS).replace(/0+$/, "");
  return digits.slice(0, -COST_DECIMALS) + (decimals && `.${decimals}`);
}
