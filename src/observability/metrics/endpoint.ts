/**
 * `GET /metrics`: who may read the metrics, and how they are answered.
 *
 * An admin's token may. An address is no proof: a proxy on this machine makes everybody local. What a token is worth is told
 * by a callback.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { networkOf, type RateLimiter } from "../../process/rate-limiter.ts";
import { waitUpTo } from "../../process/timeout.ts";
import type { Metrics } from "./metrics.ts";

export interface MetricsEndpointDeps {
  metrics: Pick<Metrics, "scrape" | "contentType">;
  /** Whether the request brings a valid admin token, of any scope. May fail when the database is away. */
  isAdmin(request: IncomingMessage): Promise<boolean>;
  /** How often an address may ask without a valid token, here and at the other paths. */
  refusals: RateLimiter;
  /** Hears of each request that brings a valid token. */
  onTrusted(request: IncomingMessage): void;
  onError(error: unknown): void;
}

/** A listener for the path of the metrics. */
export function createMetricsEndpoint(deps: MetricsEndpointDeps) {
  const { metrics, refusals, onTrusted } = deps;
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const access = await accessOf(request, deps);
    if (access !== "allowed") {
      const waitSeconds = Math.ceil(refusals.take(networkOf(request.socket.remoteAddress)));
      if (waitSeconds > 0) return send(response, 429, REFUSED_TOO_OFTEN, { "retry-after": String(waitSeconds) });
      if (access === "unknown") return send(response, 503, "The token cannot be checked now\n");
      return send(response, 401, REFUSAL, { "www-authenticate": "Bearer" });
    }
    onTrusted(request);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return send(response, 405, "Only GET\n", { allow: "GET, HEAD" });
    }
    return send(response, 200, await metrics.scrape(), { "content-type": metrics.contentType });
  };
}

const REFUSAL = "A valid admin token is needed: send it as 'Authorization: Bearer <token>'\n";
const REFUSED_TOO_OFTEN = "Too many requests without a valid token from this address\n";

/** How long a token's check may take, in milliseconds: the database that knows it may be away. */
const CHECK_LIMIT_MS = 2_000;

type Access = "allowed" | "refused" | "unknown";

async function accessOf(
  request: IncomingMessage,
  { isAdmin, onError }: Pick<MetricsEndpointDeps, "isAdmin" | "onError">,
): Promise<Access> {
  let access: Access = "unknown";
  const check = isAdmin(request)
    .then((allowed) => {
      access = allowed ? "allowed" : "refused";
    })
    .catch(onError);
  await waitUpTo(CHECK_LIMIT_MS, check);
  return access;
}

function send(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response
    .writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...headers })
    .end(text);
}
