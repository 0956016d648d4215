/**
 * The admin API over HTTP: one Yoga server on `/graphql`. `graphiql/` serves the browser page at the same path.
 *
 * It connects the plugins in their order: authentication, limits, error masking. It reads through `src/db/queries` only. It knows
 * neither the bot nor the tools, and gets a catalogue of the tools as data.
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
  /** A pool of its own, with a statement timeout of 10 s, so that admin queries cannot delay the bot. */
  readonly db: Db;
  /** The source of subscriptions. The caller closes it, before the HTTP server. */
  readonly activity: ActivityHub;
  /** The SHA-256 of the configured `ADMIN_TOKEN`, see `hashToken`. */
  readonly adminTokenHash: Buffer;
  readonly logger: Pick<Logger, "error" | "warn" | "info">;
  readonly environment: ApiEnvironment;
  /** Requests per token; `RATE_LIMIT` by default, null for no limit (in a benchmark). */
  readonly rateLimit?: RateLimit | null;
  /** Requests without a valid token per address, shared with the other routes; no limit by default. */
  readonly refusals?: RateLimiter;
  /** Called for each request with a valid token. */
  readonly onTrusted?: (request: IncomingMessage) => void;
  /** Timeout of a request, in milliseconds; `REQUEST_LIMIT_MS` by default. */
  readonly requestLimitMs?: number;
  /** Pause between two keep-alives to a subscriber, in milliseconds; `PING_INTERVAL_MS` by default. */
  readonly pingIntervalMs?: number;
  /** A monotonic clock for the rate limit, in milliseconds. */
  readonly clock?: () => number;
}

export type AdminApi = ReturnType<typeof createAdminApi>;

/** A request listener for Node's HTTP server, with `.fetch` for calls without a server. It serves `/graphql` only. */
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
      ...createAccessPlugins(deps, authenticator),
      preventCsrf(),
      limitDocument(),
      cacheDocuments(),
      executeSubscriptions(createContext),
      addErrorCodes(),
      streamEvents(pingIntervalMs),
    ],
    maskedErrors: { maskError: createErrorMask(logger) },
    // `maskError` logs errors, with their reference.
    logging: false,
    // `cacheDocuments` replaces it.
    parserAndValidationCache: false,
    maxRequestBodySize: MAX_BODY_BYTES,
    multipart: false,
    batching: false,
    cors: false,
    landingPage: false,
    // `graphiql/` serves its own page.
    graphiql: false,
  });
}

/** First authentication, then the rate limit of the token. */
function createAccessPlugins(
  { rateLimit = RATE_LIMIT, refusals, onTrusted, clock = () => performance.now(), logger }: AdminApiDeps,
  authenticator: Authenticator,
) {
  const refuse: TokenCheck["refuse"] = refusals ? limitRefusals(refusals) : (_, refusal) => refusal;
  const onError = (error: unknown) => logger.warn({ err: error }, "could not check an admin token");
  const plugins = [requireToken(authenticator, { refuse, onTrusted, onError })];
  if (rateLimit === null) return plugins;
  const limiter = createRateLimiter(rateLimit, () => clock() / 1000);
  return [...plugins, limitRate(limiter, authenticator)];
}
