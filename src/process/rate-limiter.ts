/**
 * How often a key (a token, an address) may do something, within this process: a bucket for each that fills steadily and is
 * emptied by one each time.
 *
 * Our own: the libraries count in fixed windows, which let twice the rate through at their edge, or keep a
 * timer for each key.
 */

export interface RateLimit {
  /** Times a second in the long run. */
  readonly perSecond: number;
  /** Times at once, after a pause. */
  readonly burst: number;
}

/**
 * Of requests without a valid token, secret or key, from one address and over all paths: enough for a person who mends a header, and
 * for a page that opens with an old token. Those with a valid one do not count and are not held up, since behind a proxy all
 * come from its address.
 */
export const REFUSAL_LIMIT: RateLimit = { perSecond: 1, burst: 30 };

/** Far more than there are valid tokens; of addresses those that were quiet longest are forgotten. */
const MAX_BUCKETS = 1_000;

export interface RateLimiter {
  /** Takes one of `key`: 0 when it may go on, else after how many seconds one may. */
  take(key: string): number;
}

/** `now`: seconds that never go back. */
export function createRateLimiter({ perSecond, burst }: RateLimit, now: () => number): RateLimiter {
  /** The one that was asked last comes last. */
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    take(key) {
      const at = now();
      const bucket = buckets.get(key) ?? { left: burst, at };
      const left = Math.min(burst, bucket.left + (at - bucket.at) * perSecond);
      buckets.delete(key);
      buckets.set(key, { left: left < 1 ? left : left - 1, at });
      if (buckets.size > MAX_BUCKETS) forgetFirst(buckets);
      return left < 1 ? (1 - left) / perSecond : 0;
    },
  };
}

/**
 * By what a caller is counted: its IPv4 address, or the /64 network of its IPv6 address, of which one subscriber has all. `""`
 * where there is no connection.
 */
export function networkOf(remoteAddress: string | undefined): string {
  const address = remoteAddress?.toLowerCase() ?? "";
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (mapped) return mapped;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  // "::" stands for as many groups of zeros as are missing.
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(":").filter(Boolean).length;
  const all = [...groups, ...Array<string>(missing).fill("0"), ...(tail?.split(":").filter(Boolean) ?? [])];
  return `${all.slice(0, 4).join(":")}::/64`;
}

function forgetFirst(buckets: Map<string, unknown>): void {
  for (const key of buckets.keys()) return void buckets.delete(key);
}
