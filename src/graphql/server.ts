/**
 * The admins' API over HTTP: one Yoga server on `/graphql`, and the GraphiQL page for browsers at the same address.
 *
 * It puts the parts in order: who asks, what a request may cost, what of an error is shown. It reads through
 * `src/db/queries` only, and knows neither the bot nor the tools: of those it is given a catalogue.
 */
import { createYoga } from "graphql-yoga";
import type { Db } from "../db/client.ts";
import type { Logger } from "../logger.ts";
import { type Authenticator, createAuthenticator, requireToken, unauthenticated } from "./auth.ts";
import { createContext } from "./context.ts";
import { addErrorCodes, createErrorMask } from "./errors.ts";
import { preventForgery } from "./forgery.ts";
import type { House } from "./house.ts";
import { keepDocuments } from "./kept-documents.ts";
import { limitDocument, MAX_BODY_BYTES } from "./limits.ts";
import type { ActivityHub } from "./live/activity-hub.ts";
import { streamEvents } from "./live/event-stream.ts";
import { shareEvents } from "./live/subscribe.ts";
import { usePlans } from "./plan/use-plans.ts";
import {
  createRateLimiter,
  limitRate,
  limitRefusals,
  RATE_LIMIT,
  type RateLimit,
  REFUSAL_LIMIT,
} from "./rate-limit.ts";
import { createSchema } from "./schema.ts";
import { limitTime, REQUEST_LIMIT_MS, withinTime } from "./time-limit.ts";

export interface AdminApiDeps {
  /** A pool of the admins' own, whose statements the server ends after 10 s: what they ask must not hold up the bot. */
  readonly db: Db;
  /** What subscribers follow. Whoever made it closes it, before the HTTP server. */
  readonly activity: ActivityHub;
  /** The SHA-256 of the configured `ADMIN_TOKEN`, see `hashToken`. */
  readonly adminTokenHash: Buffer;
  readonly logger: Pick<Logger, "error" | "info">;
  readonly house: House;
  /** How often a token may ask; `RATE_LIMIT` when left out, as often as it likes when null (for a benchmark). */
  readonly rateLimit?: RateLimit | null;
  /** How often an address may ask without a valid token; `REFUSAL_LIMIT` when left out. None where `rateLimit` is null. */
  readonly refusalLimit?: RateLimit;
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
  const { db, activity, house, adminTokenHash, logger, requestLimitMs = REQUEST_LIMIT_MS, pingIntervalMs } = deps;
  const authenticator = withinTime(createAuthenticator(db, adminTokenHash), requestLimitMs);
  return createYoga({
    schema: createSchema(),
    graphqlEndpoint: "/graphql",
    context: async ({ request }) =>
      createContext({ db, activity, house, logger, admin: await authenticator.authenticate(request) }),
    plugins: [
      usePlans(logger),
      limitTime(requestLimitMs),
      ...doorsOf(deps, authenticator),
      preventForgery(),
      limitDocument(),
      keepDocuments(),
      shareEvents(createContext),
      addErrorCodes(),
      streamEvents(pingIntervalMs),
    ],
    maskedErrors: { maskError: createErrorMask(logger) },
    // Errors are logged where they are masked, with their reference.
    logging: false,
    // See `keepDocuments`.
    parserAndValidationCache: false,
    maxRequestBodySize: MAX_BODY_BYTES,
    multipart: false,
    batching: false,
    cors: false,
    landingPage: false,
    graphiql: {
      title: "Counterhand",
      headers: JSON.stringify({ Authorization: "Bearer " }, null, 2),
      defaultQuery: FIRST_QUERY,
      shouldPersistHeaders: false,
    },
    renderGraphiQL: async (options) => {
      // 9 MB of JavaScript: loaded when a browser asks for the page, and not by every start.
      const { renderGraphiQL } = await import("@graphql-yoga/render-graphiql");
      return renderGraphiQL(options);
    },
  });
}

/** In this order: who has no valid token, and who asks too often with one. */
function doorsOf(
  { rateLimit = RATE_LIMIT, refusalLimit = REFUSAL_LIMIT, clock = () => performance.now() }: AdminApiDeps,
  authenticator: Authenticator,
) {
  if (rateLimit === null) return [requireToken(authenticator, unauthenticated)];
  const seconds = () => clock() / 1000;
  return [
    requireToken(authenticator, limitRefusals(createRateLimiter(refusalLimit, seconds))),
    limitRate(createRateLimiter(rateLimit, seconds), authenticator),
  ];
}

const FIRST_QUERY = `# Put your admin token behind
# "Bearer " in the headers below.
{
  viewer { name scope }
  threads(first: 10) {
    nodes {
      title
      status
      lastActivityAt
      messageCount
      lastMessage { role text }
    }
  }
}
`;
