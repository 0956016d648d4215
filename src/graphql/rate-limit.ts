/**
 * How often a token may ask, and an address without a valid one, within this process: a bucket for each that fills steadily
 * and is emptied by one with each request. Over it a request is refused before its body is read, and told when to come again.
 *
 * Our own: the libraries count in fixed windows, which let twice the rate through at their edge, or keep a
 * timer for each key.
 */
import { GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";
import { type Authenticator, unauthenticated } from "./auth.ts";

export interface RateLimit {
  /** Requests a second in the long run. */
  readonly perSecond: number;
  /** Requests at once, after a pause. */
  readonly burst: number;
}

/**
 * Far above a dashboard, which asks ten things when it opens and some each second after that, and far below what would hold
 * up the process: a request costs about 4 ms of CPU.
 */
export const RATE_LIMIT: RateLimit = { perSecond: 100, burst: 200 };

/**
 * Of requests without a valid token, from one address: enough for a person who mends a header, and for a page that opens
 * with an old token. Those with a valid one do not count and are not held up, since behind a proxy all come from its address.
 */
export const REFUSAL_LIMIT: RateLimit = { perSecond: 1, burst: 30 };

/** Far more than there are valid tokens; addresses may be any number, and then those that were quiet longest are forgotten. */
const MAX_BUCKETS = 1_000;

export interface RateLimiter {
  /** Takes one request of `key`: 0 when it may go on, else after how many seconds one may. */
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

function forgetFirst(buckets: Map<string, unknown>): void {
  for (const key of buckets.keys()) return void buckets.delete(key);
}

/** For `requireToken`: 401, and 429 for an address from which that has been said too often. */
export function limitRefusals(limiter: RateLimiter): (remoteAddress: string) => GraphQLError {
  return (remoteAddress) => {
    const waitSeconds = limiter.take(remoteAddress);
    return waitSeconds > 0 ? tooMany("without a valid token from this address", waitSeconds) : unauthenticated();
  };
}

/** Refuses with HTTP 429. Comes behind `requireToken`. */
export function limitRate(limiter: RateLimiter, { authenticate }: Authenticator): Plugin {
  return {
    async onRequestParse({ request }) {
      const admin = await authenticate(request);
      if (admin === null) throw unauthenticated();
      const waitSeconds = limiter.take(admin.tokenId ?? CONFIGURED);
      if (waitSeconds > 0) throw tooMany("with this token", waitSeconds);
    },
  };
}

/** The key of the configured token, which has no id. */
const CONFIGURED = "";

function tooMany(which: string, waitSeconds: number): GraphQLError {
  const retryAfterSeconds = Math.ceil(waitSeconds);
  return new GraphQLError(`Too many requests ${which}: ask again in ${retryAfterSeconds} s`, {
    extensions: {
      code: "RATE_LIMITED",
      retryAfterSeconds,
      http: { status: 429, headers: { "Retry-After": String(retryAfterSeconds) } },
    },
  });
}
