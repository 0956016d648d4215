/**
 * Access control of the sandbox's page: only a browser that opened it with its key, and no requests from other sites.
 *
 * The page lets a visitor act as the shop's owner. The client's address proves nothing: behind a local proxy every client is
 * local. So the log shows a link with a key, as Jupyter does. After that a cookie holds the key; other sites cannot use it.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** The HTTP status and the reason of a refused request. */
export interface PageRefusal {
  status: number;
  error: string;
}

const MAX_BODY_BYTES = 64 * 1_024;
const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;

/** Checks a visitor's key, which comes in the link or in the cookie. */
export interface PageKey {
  /** Whether the request's query has the key. */
  isInLink(request: IncomingMessage): boolean;
  /** Whether the request's cookie has the key. */
  isInCookie(request: IncomingMessage): boolean;
  /** The `Set-Cookie` value for a visitor who opened the link. */
  cookieFor(request: IncomingMessage): string;
}

export function createPageKey(key: string): PageKey {
  const keyHash = hashOf(key);
  const isKey = (given: string | null | undefined) =>
    typeof given === "string" && timingSafeEqual(hashOf(given), keyHash);
  // Cookies are shared by all ports of a host, so each sandbox on a machine needs its own cookie name.
  const nameFor = ({ socket }: IncomingMessage) => `counterhand-sandbox-${socket.localPort}`;
  return {
    isInLink: ({ url = "" }) => isKey(new URLSearchParams(url.split("?")[1]).get("key")),
    isInCookie(request) {
      const cookies = (request.headers.cookie ?? "").split(";").map((cookie) => cookie.trim().split("="));
      // Another page on this host may have set a cookie of the same name, so all of them are checked.
      return cookies.some(([name, value]) => name === nameFor(request) && isKey(value));
    },
    cookieFor: (request) => `${nameFor(request)}=${key}; HttpOnly; SameSite=Strict; Path=/sandbox`,
  };
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Why this request is refused, regardless of the key; undefined if it is allowed. */
export function findRefusal({ method, headers }: Pick<IncomingMessage, "method" | "headers">): PageRefusal | undefined {
  // Against DNS rebinding: any other host name belongs to another site's page.
  if (!LOOPBACK_HOST.test(headers.host ?? "")) {
    return { status: 403, error: "the sandbox accepts only the hosts 127.0.0.1, localhost and [::1]" };
  }
  if (method === "GET") return undefined;
  if (method !== "POST") return { status: 405, error: "only GET and POST" };
  if (!isSameOrigin(headers)) return { status: 403, error: "requests from other sites are refused" };
  const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  return type === "application/json" ? undefined : { status: 415, error: "send application/json" };
}

/** Parses the body as JSON. Returns a refusal if it is too long or not JSON. */
export async function readJson(request: IncomingMessage): Promise<{ value: unknown } | PageRefusal> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("a request without an encoding yields buffers");
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

/** Browsers send Origin with each POST. A request without it comes from another program, such as curl. */
function isSameOrigin({ origin, host, "sec-fetch-site": site }: IncomingHttpHeaders): boolean {
  if (site !== undefined && site !== "same-origin") return false;
  return origin === undefined || origin === `http://${host}`;
}
