/**
 * The admins' API over HTTP: one Yoga server on `/graphql`. The page for browsers at the same address is `graphiql/`'s matter.
 *
 * It puts the parts in order: who asks, what a request may cost, what of an error is shown. It reads through
 * `src/db/queries` only, and knows neither the bot nor the tools: of those it is given a catalogue.
 */
import type { IncomingMessage } from "node:http";
import { createYoga } from "graphql-yoga";
import type { Db } from "../db/client.ts";
import type { Logger } from "../observability/logger.ts";
import { createRateLimiter, type RateLimit, type RateLimiter } from "../process/rate-limiter.ts";
import type { ApiEnvironment } from "./api-environment.ts";
import { createContext } from "./context.ts";
import { cacheDocuments } from "./document-cache.ts";
import { addErrorCodes, createErrorMask } from "./errors.ts";
import { type Authenticator, createAuthenticator, requireToken, type TokenCheck } from "./guards/auth.ts";
import { preventCsrf } from "./guards/csrf.ts";
import { limitDocument, MAX_BODY_BYTES } from "./guards/limits.ts";
import { limitRate, limitRefusals, RATE_LIMIT } from "./guards/rate-limit.ts";
import { limitTime, REQUEST_LIMIT_MS, withinTime } from "./guards/time-limit.ts";
import type { ActivityHub } from "./live/activity-hub.ts";
import { executeSubscriptions } from "./live/shared-execution.ts";
import { streamEvents } from "./live/sse.ts";
import { usePlans } from "./plan/use-plans.ts";
import { createSchema } from "./schema.ts";

export interface AdminApiDeps {
  /** A pool of the admins' own, whose statements the server ends after 10 s: what they ask must not hold up the bot. */
  readonly db: Db;
  /** What subscribers follow. Whoever made it closes it, before the HTTP server. */
  readonly activity: ActivityHub;
  /** The SHA-256 of the configured `ADMIN_TOKEN`, see `hashToken`. */
  readonly adminTokenHash: Buffer;
  readonly logger: Pick<Logger, "error" | "warn" | "info">;
  readonly environment: ApiEnvironment;
  /** How often a token may ask; `RATE_LIMIT` when left out, as often as it likes when null (for a benchmark). */
  readonly rateLimit?: RateLimit | null;
  /** How often an address may ask without a valid token, here and at the other paths; without a limit when left out. */
  readonly refusals?: RateLimiter;
  /** Hears of each request that brings a valid token. */
  readonly onTrusted?: (request: IncomingMessage) => void;
  /** How long a request may take, in milliseconds; `REQUEST_LIMIT_MS` when left out. */
  readonly requestLimitMs?: number;
  /** Pause between two signs of life to a subscriber, in milliseconds; `PING_INTERVAL_MS` when left out. */
  readonly pingIntervalMs?: number;
  /** For the rate, in milliseconds that never go back. */
  readonly clock?: () => number;
}

export type AdminApi = ReturnType<typeof createAdminApi>;

/** A listener for Node's HTTP server, with `.fetch` for those who have no server. Answers `/graphql` only. */
export function createAdminApi(deps: AdminApiDeps) {
  const { db, activity, environment, adminTokenHash, logger, requestLimitMs = REQUEST_LIMIT_MS, pingIntervalMs } = deps;
  const authenticator = withinTime(
    createAuthenticator(db, { adminTokenHash, sandbox: environment.sandbox }),
    requestLimitMs,
  );
  return createYoga({
    schema: createSchema(),
    graphqlEndpoint: "/graphql",
    context: async ({ request }) =>
      createContext({ db, activity, environment, logger, admin: await authenticator.authenticate(request) }),
    plugins: [
      usePlans(logger),
      limitTime(requestLimitMs),
      ...doorsOf(deps, authenticator),
      preventCsrf(),
      limitDocument(),
      cacheDocuments(),
      executeSubscriptions(createContext),
      addErrorCodes(),
      streamEvents(pingIntervalMs),
    ],
    maskedErrors: { maskError: createErrorMask(logger) },
    // Errors are logged where they are masked, with their reference.
    logging: false,
    // See `cacheDocuments`.
    parserAndValidationCache: false,
    maxRequestBodySize: MAX_BODY_BYTES,
    multipart: false,
    batching: false,
    cors: false,
    landingPage: false,
    // A page of its own: `graphiql/`.
    graphiql: false,
  });
}

/** In this order: who has no valid token, and who asks too often with one. */
function doorsOf(
  { rateLimit = RATE_LIMIT, refusals, onTrusted, clock = () => performance.now(), logger }: AdminApiDeps,
  authenticator: Authenticator,
) {
  const refuse: TokenCheck["refuse"] = refusals ? limitRefusals(refusals) : (_, refusal) => refusal;
  const onError = (error: unknown) => logger.warn({ err: error }, "could not check an admin's token");
  const doors = [requireToken(authenticator, { refuse, onTrusted, onError })];
  if (rateLimit === null) return doors;
  const limiter = createRateLimiter(rateLimit, () => clock() / 1000);
  return [...doors, limitRate(limiter, authenticator)];
}
