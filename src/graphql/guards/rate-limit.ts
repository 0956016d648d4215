/**
 * Rate limits per token, and per address for requests without a valid token. A request over the limit is refused before its body
 * is read, with the time to wait.
 */
import { GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";
import { networkOf, type RateLimit, type RateLimiter } from "../../process/rate-limiter.ts";
import { type Authenticator, type TokenCheck, unauthenticated } from "./auth.ts";

/**
 * Far above a dashboard, which sends ten requests when it opens and a few per second afterwards. Far below what would block the
 * process: a request costs about 4 ms of CPU.
 */
export const RATE_LIMIT: RateLimit = { perSecond: 100, burst: 200 };

/** For `requireToken`: HTTP 429 after too many refused requests from one address. */
export function limitRefusals(limiter: RateLimiter): TokenCheck["refuse"] {
  return (remoteAddress, refusal) => {
    const waitSeconds = limiter.take(networkOf(remoteAddress));
    return waitSeconds > 0 ? tooMany("without a valid token from this address", waitSeconds) : refusal;
  };
}

/** Refuses with HTTP 429. Must come after `requireToken`. */
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

/** The bucket of the configured token, which has no id. */
const CONFIGURED = "";

function tooMany(which: string, waitSeconds: number): GraphQLError {
  const retryAfterSeconds = Math.ceil(waitSeconds);
  return new GraphQLError(`Too many requests ${which}: try again in ${retryAfterSeconds} s`, {
    extensions: {
      code: "RATE_LIMITED",
      retryAfterSeconds,
      http: { status: 429, headers: { "Retry-After": String(retryAfterSeconds) } },
    },
  });
}
