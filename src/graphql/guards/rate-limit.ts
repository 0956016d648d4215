/**
 * How often a token may ask, and an address without a valid one. Over it a request is refused before its body is read, and
 * told when to come again.
 */
import { GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";
import { networkOf, type RateLimit, type RateLimiter } from "../../process/rate-limiter.ts";
import { type Authenticator, type TokenCheck, unauthenticated } from "./auth.ts";

/**
 * Far above a dashboard, which asks ten things when it opens and some each second after that, and far below what would hold
 * up the process: a request costs about 4 ms of CPU.
 */
export const RATE_LIMIT: RateLimit = { perSecond: 100, burst: 200 };

/** For `requireToken`: 429 for an address from which too many requests were refused. */
export function limitRefusals(limiter: RateLimiter): TokenCheck["refuse"] {
  return (remoteAddress, refusal) => {
    const waitSeconds = limiter.take(networkOf(remoteAddress));
    return waitSeconds > 0 ? tooMany("without a valid token from this address", waitSeconds) : refusal;
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
