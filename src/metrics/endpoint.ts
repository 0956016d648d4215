/**
 * `GET /metrics`: who may read the metrics, and how they are answered.
 *
 * An admin's token may from everywhere; a scraper on this machine needs none. What a token is worth is told by a callback.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { waitUpTo } from "../wait-up-to.ts";
import { isFromThisMachine } from "./loopback.ts";
import type { Metrics } from "./metrics.ts";

export interface MetricsEndpointDeps {
  metrics: Pick<Metrics, "scrape" | "contentType">;
  /** Whether the request brings a valid admin token, of any scope. May fail when the database is away. */
  isAdmin(request: IncomingMessage): Promise<boolean>;
  onError(error: unknown): void;
}

/** A listener for the path of the metrics. */
export function createMetricsEndpoint({ metrics, isAdmin, onError }: MetricsEndpointDeps) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return send(response, 405, "Only GET\n", { allow: "GET, HEAD" });
    }
    const access = isFromThisMachine(request) ? "allowed" : await accessOf(request, { isAdmin, onError });
    if (access === "unknown") return send(response, 503, "The token cannot be checked now\n");
    if (access === "refused") return send(response, 401, REFUSAL, { "www-authenticate": "Bearer" });
    return send(response, 200, await metrics.scrape(), { "content-type": metrics.contentType });
  };
}

const REFUSAL = "A valid admin token is needed: send it as 'Authorization: Bearer <token>'\n";

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
    .writeHead(status, {
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      ...headers,
    })
    .end(text);
}
