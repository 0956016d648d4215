/** The HTTP side of the app: the server, and what it serves at which path. */
import { createWebhook, type Webhook } from "../bot/intake/webhook.ts";
import { listen } from "../db/notify/notify.ts";
import { createGraphiqlPages } from "../graphql/graphiql/pages.ts";
import { findAdmin } from "../graphql/guards/auth.ts";
import { type ActivityHub, createActivityHub } from "../graphql/live/activity-hub.ts";
import { createAdminApi } from "../graphql/server.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { createMetricsEndpoint } from "../observability/metrics/endpoint.ts";
import { createRateLimiter, type RateLimiter, REFUSAL_LIMIT } from "../process/rate-limiter.ts";
import type { Shared, Stops } from "./parts.ts";

/** The server, and what its subscribers follow. */
export interface Server {
  readonly http: HttpServer;
  readonly activity: ActivityHub;
}

/** Listens, unless the app was given a server that does. Until `serve`, all paths answer that the process is starting. */
export async function openServer({ parts, pools, sandbox }: Shared, stops: Stops): Promise<Server> {
  const { config, logger } = parts;
  const onError = (error: unknown) => logger.error({ err: error }, "request failed");
  const http = parts.http ?? (await startHttpServer({ ...config.http, onError }));
  stops.push(() => http.close());
  const activity = createActivityHub({
    db: pools.admin.db,
    sandbox,
    listen: (handler) => listen(pools.admin, handler),
    logger,
  });
  // Closed before the server: subscribers learn that it stops, and from where to continue.
  stops.push(() => activity.close());
  return { http, activity };
}

/** Serves all paths. @returns where Telegram sends updates to; null when they are polled. */
export function serve(
  shared: Shared,
  { http, activity }: Server,
  { adminTokenHash, isReady }: { adminTokenHash: Buffer; isReady(): boolean },
): Webhook | null {
  const { page, telegram } = shared.parts;
  const callers: Callers = {
    adminTokenHash,
    refusals: createRateLimiter(REFUSAL_LIMIT, () => performance.now() / 1_000),
    onTrusted: http.trust,
  };
  const webhook = telegram.webhook ? createWebhook(telegram.webhook, telegram.token, callers) : null;
  http.serve({
    isReady,
    graphql: createApi(shared, activity, callers),
    graphiql: createGraphiqlPages(),
    metrics: createMetricsRoute(shared, callers),
    webhook: webhook && { path: webhook.path, handle: webhook.handler.handle },
    sandbox: page,
  });
  return webhook;
}

/** How callers are known, and how often they may call without a valid token: the same at every path. */
interface Callers {
  readonly adminTokenHash: Buffer;
  readonly refusals: RateLimiter;
  readonly onTrusted: HttpServer["trust"];
}

function createApi({ parts, pools, tools, sandbox, now }: Shared, activity: ActivityHub, callers: Callers) {
  const environment = { shop: parts.config.shop, tools: [...tools.values()], sandbox, now };
  return createAdminApi({ ...callers, db: pools.admin.db, activity, logger: parts.logger, environment });
}

function createMetricsRoute({ parts, pools, metrics, sandbox }: Shared, callers: Callers) {
  const tokens = { adminTokenHash: callers.adminTokenHash, sandbox };
  return createMetricsEndpoint({
    ...callers,
    metrics,
    isAdmin: async ({ headers }) => (await findAdmin(pools.admin.db, tokens, headers.authorization ?? null)) !== null,
    onError: (error) => parts.logger.warn({ err: error }, "could not check an admin's token"),
  });
}
