/** Whether a request can be answered at all: what Node lets through and no URL can be made of. */
import type { IncomingMessage } from "node:http";

/** A name, an IPv4 address or an IPv6 address in brackets, and perhaps a port. */
const HOST = /^([\w.~-]+|\[[\da-f:.]+\])(:\d{0,5})?$/i;

/**
 * True for a target of printable ASCII, and one `Host` that names a host; HTTP/1.0 may do without. See RFC 9112, 3.2. Nothing is
 * to be expected of this server but "100-continue" (RFC 9110, 10.1.1).
 */
export function isWellFormed({ url = "", httpVersion, headersDistinct }: IncomingMessage): boolean {
  if (headersDistinct.expect?.some((expected) => expected.toLowerCase() !== "100-continue")) return false;
  if (!/^[\x21-\x7e]+$/.test(url)) return false;
  const [name, ...others] = headersDistinct.host ?? (httpVersion === "1.0" ? ["localhost"] : []);
  if (name === undefined || others.length > 0 || !HOST.test(name)) return false;
  return URL.canParse(url.startsWith("/") ? `http://${name}${url}` : url);
}

/** The path of the target to the letter, so that nothing else is ever taken for it: `//x/graphql` is no path of ours. */
export function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? "";
}
