/**
 * `GET /metrics`: who may read the metrics, and the answers.
 *
 * It requires an admin token. A local address is no proof, because a proxy on this machine makes every client local. A
 * callback checks the token.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { networkOf, type RateLimiter } from "../../process/rate-limiter.ts";
import { waitUpTo } from "../../process/timeout.ts";
import type { Metrics } from "./metrics.ts";

export interface MetricsEndpointDeps {
  metrics: Pick<Metrics, "scrape" | "contentType">;
  /** Whether the request has a valid admin token, of any scope. May reject when the database is unavailable. */
  isAdmin(request: IncomingMessage): Promise<boolean>;
  /** Limits requests without a valid token by address, on this path and the others together. */
  refusals: RateLimiter;
  /** Called for each request with a valid token. */
  onTrusted(request: IncomingMessage): void;
  onError(error: unknown): void;
}

/** A request listener for the path of the metrics. */
export function createMetricsEndpoint(deps: MetricsEndpointDeps) {
  const { metrics, refusals, onTrusted } = deps;
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const access = await accessOf(request, deps);
    if (access !== "allowed") {
      const waitSeconds = Math.ceil(refusals.take(networkOf(request.socket.remoteAddress)));
      if (waitSeconds > 0) return send(response, 429, TOO_MANY_REFUSALS, { "retry-after": String(waitSeconds) });
      if (access === "unknown") return send(response, 503, "The token cannot be checked now: try again in a moment\n");
      return send(response, 401, REFUSAL, { "www-authenticate": "Bearer" });
    }
    onTrusted(request);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return send(response, 405, "Only GET is allowed\n", { allow: "GET, HEAD" });
    }
    return send(response, 200, await metrics.scrape(), { "content-type": metrics.contentType });
  };
}

const REFUSAL = "A valid admin token is needed: send it as 'Authorization: Bearer <token>'\n";
const TOO_MANY_REFUSALS = "Too many requests without a valid token from this address\n";

/** How long the check of a token may take, in milliseconds: the database may be unavailable. */
const CHECK_TIMEOUT_MS = 2_000;

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
  await waitUpTo(CHECK_TIMEOUT_MS, check);
  return access;
}

function send(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response
    .writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...headers })
    .end(text);
}
