/**
 * What tokens cost, by model and day: a table of dated prices, and exact amounts. Pure.
 *
 * The cost is unknown (null, never 0) for a model that is not in the table, such as one on a local server, and for calls
 * before a model's first price. The database computes sums over many runs (`db/queries/admin/costs.ts`).
 */

/** The price of a model's tokens from a day on, in US dollars per million tokens, as plain decimals. */
export interface ModelPrice {
  /** The provider's exact name of the model: the price of a similar name would be a guess. */
  readonly model: string;
  /** The first day of the price, in UTC. It ends with the model's next price. */
  readonly from: string;
  readonly inputUsd: string;
  /** Input from the provider's cache. */
  readonly cachedInputUsd: string;
  /** Output, including reasoning. */
  readonly outputUsd: string;
}

/** Add a new price as a new line. Old lines stay, so that earlier calls keep their cost. */
export const PRICES: readonly ModelPrice[] = [
  // From the provider's price list of November 2026. No run of this product is older.
  { model: "gpt-6-luna", from: "2026-11-01", inputUsd: "0.1", cachedInputUsd: "0.01", outputUsd: "0.5" },
];

/** The tokens of a call; null where the server does not report a count. */
export interface PricedTokens {
  readonly inputTokens: number | null;
  readonly cachedInputTokens: number | null;
  readonly outputTokens: number | null;
}

/** A price with its period of validity, half-open. */
export interface PriceSpan extends ModelPrice {
  readonly fromInstant: string;
  /** Null for a current price. */
  readonly untilInstant: string | null;
}

/** Decimals of a price. A cost has six more, because a price is per million tokens. */
const PRICE_DECIMALS = 6;
const PRICE = new RegExp(`^\\d+(\\.\\d{1,${PRICE_DECIMALS}})?$`);
const COST_DECIMALS = PRICE_DECIMALS + 6;

/**
 * The exact cost in US dollars of a call at `askedAt`, as a plain decimal such as `0.000123`; null when the price at that
 * time is unknown.
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
  // A server may report more cached tokens than input tokens: a cost must not become negative.
  const fromCache = Math.min(cached, input);
  return decimalOf(
    amount(input - fromCache, price.inputUsd) +
      amount(fromCache, price.cachedInputUsd) +
      amount(whole(tokens.outputTokens), price.outputUsd),
  );
}

/** Adds to each price the period in which it is valid. */
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

/** A server may report anything: an invalid count becomes 0. */
function whole(count: number | null): number {
  return count !== null && Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** An integer with `COST_DECIMALS` decimals. @throws for a price with more than `PRICE_DECIMALS`. */
function amount(tokens: number, usd: string): bigint {
  // One digit more would silently make the cost ten times too high.
  if (!PRICE.test(usd)) throw new RangeError(`not a price with at most ${PRICE_DECIMALS} decimals: ${usd}`);
  const [units = "", decimals = ""] = usd.split(".");
  return BigInt(tokens) * BigInt(units + decimals.padEnd(PRICE_DECIMALS, "0"));
}

function decimalOf(scaledUsd: bigint): string {
  const digits = scaledUsd.toString().padStart(COST_DECIMALS + 1, "0");
  const decimals = digits.slice(-COST_DECIMALS).replace(/0+$/, "");
  return digits.slice(0, -COST_DECIMALS) + (decimals && `.${decimals}`);
}
