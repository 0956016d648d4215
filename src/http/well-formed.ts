/** Whether a request is valid HTTP: Node accepts some from which no URL can be made. */
import type { IncomingMessage } from "node:http";

/** A name, an IPv4 address or an IPv6 address in brackets, with an optional port. */
const HOST = /^([\w.~-]+|\[[\da-f:.]+\])(:\d{0,5})?$/i;

/**
 * True for a target of printable ASCII, and one valid `Host`, which HTTP/1.0 may omit (RFC 9112, 3.2). The server meets no
 * expectation except "100-continue" (RFC 9110, 10.1.1).
 */
export function isWellFormed({ url = "", httpVersion, headersDistinct }: IncomingMessage): boolean {
  if (headersDistinct.expect?.some((expected) => expected.toLowerCase() !== "100-continue")) return false;
  if (!/^[\x21-\x7e]+$/.test(url)) return false;
  const [name, ...others] = headersDistinct.host ?? (httpVersion === "1.0" ? ["localhost"] : []);
  if (name === undefined || others.length > 0 || !HOST.test(name)) return false;
  return URL.canParse(url.startsWith("/") ? `http://${name}${url}` : url);
}

/** The path exactly as it was sent, without normalization: `//x/graphql` must not match `/graphql`. */
export function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? "";
}
