/**
 * A rate limiter for keys (a token, an address) within this process: a token bucket for each key.
 *
 * Our own: the libraries count in fixed windows, which let twice the rate through at their edge, or hold a timer for each
 * key.
 */

export interface RateLimit {
  /** Requests per second in the long run. */
  readonly perSecond: number;
  /** Requests at once, after a pause. */
  readonly burst: number;
}

/**
 * For requests without a valid token, secret or key, from one address and over all paths. It is enough for a person who
 * corrects a header, and for a page that opens with an old token. Requests with a valid token do not count and are not
 * delayed: behind a proxy all come from one address.
 */
export const REFUSAL_LIMIT: RateLimit = { perSecond: 1, burst: 30 };

/** Far more than there are valid tokens. Of more addresses, the least recently used are dropped. */
const MAX_BUCKETS = 1_000;

export interface RateLimiter {
  /** Takes one token of `key`. @returns 0 when there was one, else in how many seconds there will be. */
  take(key: string): number;
}

/** `now`: seconds of a monotonic clock. */
export function createRateLimiter({ perSecond, burst }: RateLimit, now: () => number): RateLimiter {
  /** The least recently used comes first. */
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    take(key) {
      const at = now();
      const bucket = buckets.get(key) ?? { left: burst, at };
      const left = Math.min(burst, bucket.left + (at - bucket.at) * perSecond);
      buckets.delete(key);
      buckets.set(key, { left: left < 1 ? left : left - 1, at });
      if (buckets.size > MAX_BUCKETS) dropFirst(buckets);
      return left < 1 ? (1 - left) / perSecond : 0;
    },
  };
}

/**
 * The key by which a caller is counted: its IPv4 address, or the /64 network of its IPv6 address, which one subscriber owns.
 * `""` without a connection.
 */
export function networkOf(remoteAddress: string | undefined): string {
  const address = remoteAddress?.toLowerCase() ?? "";
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (mapped) return mapped;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  // "::" means as many groups of zeros as are missing.
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(":").filter(Boolean).length;
  const all = [...groups, ...Array<string>(missing).fill("0"), ...(tail?.split(":").filter(Boolean) ?? [])];
  return `${all.slice(0, 4).join(":")}::/64`;
}

function dropFirst(buckets: Map<string, unknown>): void {
  for (const key of buckets.keys()) return void buckets.delete(key);
}
