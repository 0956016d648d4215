/**
 * Who may talk to the sandbox's page: this machine's own browser, and nothing that a foreign site does through it.
 *
 * The page lets anyone be the owner of the demo shop, so it must not be reachable by DNS rebinding (a foreign name that
 * points here) nor by forms and scripts of other sites.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** An answer that refuses, with the HTTP status and the reason. */
export interface PageRefusal {
  status: number;
  error: string;
}

const MAX_BODY_BYTES = 64 * 1_024;
const LOOPBACK_ADDRESS = /^(?:::ffff:)?127\.|^::1$/;
const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;

/** What of a request tells who sent it. */
export interface Visitor {
  method?: string | undefined;
  headers: IncomingHttpHeaders;
  socket: { remoteAddress?: string | undefined };
}

/** Why this request is not served, or undefined when it is. */
export function findRefusal({ method, headers, socket }: Visitor): PageRefusal | undefined {
  // Whatever HOST listens on: the page makes anyone an owner.
  if (!LOOPBACK_ADDRESS.test(socket.remoteAddress ?? "")) {
    return { status: 403, error: "the sandbox answers only to this machine" };
  }
  if (!LOOPBACK_HOST.test(headers.host ?? "")) {
    return { status: 403, error: "the sandbox answers only to 127.0.0.1, localhost and [::1]" };
  }
  if (method === "GET") return undefined;
  if (method !== "POST") return { status: 405, error: "only GET and POST" };
  if (!isSameOrigin(headers)) return { status: 403, error: "requests of other sites are refused" };
  const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  return type === "application/json" ? undefined : { status: 415, error: "send application/json" };
}

/** The body as JSON, or a refusal when it is too long or not JSON. */
export async function readJson(request: IncomingMessage): Promise<{ value: unknown } | PageRefusal> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("a request without an encoding gives buffers");
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return { status: 413, error: `at most ${MAX_BODY_BYTES} bytes` };
    chunks.push(chunk);
  }
  try {
    return { value: JSON.parse(Buffer.concat(chunks).toString("utf8")) };
  } catch (error) {
    if (error instanceof SyntaxError) return { status: 400, error: "the body is not JSON" };
    throw error;
  }
}

/** Browsers send Origin with each POST; a program on this machine that sends none is no browser. */
function isSameOrigin({ origin, host, "sec-fetch-site": site }: IncomingHttpHeaders): boolean {
  if (site !== undefined && site !== "same-origin") return false;
  return origin === undefined || origin === `http://${host}`;
}
