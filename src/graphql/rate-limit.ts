/**
 * How often a token may ask, within this process: a bucket for each token that fills steadily and is emptied by one with
 * each request. Over it a request is refused before its body is read, and told when to come again.
 *
 * Of our own: the libraries count in fixed windows, which let twice the rate through at their edge, or keep a
 * timer for each key. Nobody gets a bucket without a valid token, so that there are as many as there are tokens at most.
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

/** Tokens come and go; of those that are gone none is remembered beyond this number. */
const MAX_BUCKETS = 1_000;

export interface RateLimiter {
  /** Takes one request of `key`: 0 when it may go on, else after how many seconds one may. */
  take(key: string): number;
}

/** `now`: seconds that never go back. */
export function createRateLimiter({ perSecond, burst }: RateLimit, now: () => number): RateLimiter {
  const buckets = new Map<string, { left: number; at: number }>();
  /** A bucket that is full again is as good as none. */
  const dropFull = (at: number) => {
    for (const [key, bucket] of buckets) if (bucket.left + (at - bucket.at) * perSecond >= burst) buckets.delete(key);
  };
  return {
    take(key) {
      const at = now();
      const bucket = buckets.get(key) ?? { left: burst, at };
      const left = Math.min(burst, bucket.left + (at - bucket.at) * perSecond);
      buckets.set(key, { left: left < 1 ? left : left - 1, at });
      if (buckets.size > MAX_BUCKETS) dropFull(at);
      return left < 1 ? (1 - left) / perSecond : 0;
    },
  };
}

/** Refuses with HTTP 429. Comes behind `requireToken`. */
export function limitRate(limiter: RateLimiter, { authenticate }: Authenticator): Plugin {
  return {
    async onRequestParse({ request }) {
      const admin = await authenticate(request);
      if (admin === null) throw unauthenticated();
      const waitSeconds = limiter.take(admin.tokenId ?? CONFIGURED);
      if (waitSeconds > 0) throw tooMany(Math.ceil(waitSeconds));
    },
  };
}

/** The key of the configured token, which has no id. */
const CONFIGURED = "";

function tooMany(retryAfterSeconds: number): GraphQLError {
  return new GraphQLError(`Too many requests with this token: ask again in ${retryAfterSeconds} s`, {
    extensions: {
      code: "RATE_LIMITED",
      retryAfterSeconds,
      http: { status: 429, headers: { "Retry-After": String(retryAfterSeconds) } },
    },
  });
}
