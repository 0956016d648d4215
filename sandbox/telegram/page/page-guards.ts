/**
 * Who may talk to the sandbox's page: a browser that opened it with its key, and nothing that a foreign site does through it.
 *
 * The page lets anyone be the owner of the sandbox's shop. An address is no proof: a proxy on this machine makes everybody local. So the
 * key is in the link of the log, as Jupyter has it, and from then on in a cookie that no other site can use.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** An answer that refuses, with the HTTP status and the reason. */
export interface PageRefusal {
  status: number;
  error: string;
}

const MAX_BODY_BYTES = 64 * 1_024;
const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;

/** A visitor's key: from the link, or as the cookie that was set then. */
export interface PageKey {
  /** Whether the query of this request holds it. */
  isInLink(request: IncomingMessage): boolean;
  /** Whether this request's cookie holds it. */
  isInCookie(request: IncomingMessage): boolean;
  /** The `Set-Cookie` for a visitor who came by the link. */
  cookieFor(request: IncomingMessage): string;
}

export function createPageKey(key: string): PageKey {
  const keyHash = hashOf(key);
  const isKey = (given: string | null | undefined) =>
    typeof given === "string" && timingSafeEqual(hashOf(given), keyHash);
  // Cookies know no ports: two sandboxes on one machine each have their own.
  const nameFor = ({ socket }: IncomingMessage) => `counterhand-sandbox-${socket.localPort}`;
  return {
    isInLink: ({ url = "" }) => isKey(new URLSearchParams(url.split("?")[1]).get("key")),
    isInCookie(request) {
      const cookies = (request.headers.cookie ?? "").split(";").map((cookie) => cookie.trim().split("="));
      // Also behind one that another page on this host has set under the name.
      return cookies.some(([name, value]) => name === nameFor(request) && isKey(value));
    },
    cookieFor: (request) => `${nameFor(request)}=${key}; HttpOnly; SameSite=Strict; Path=/sandbox`,
  };
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Why this request is not served, with the key or without; undefined when it is. */
export function findRefusal({ method, headers }: Pick<IncomingMessage, "method" | "headers">): PageRefusal | undefined {
  // Another name that leads here belongs to another site's page.
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
