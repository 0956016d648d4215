/** Whether a request was made by a program on this machine for itself. Pure. */
import type { IncomingMessage } from "node:http";

/** What a proxy adds. One on this machine would otherwise let the whole world in. */
const FORWARDED_HEADERS = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/** Names under which this machine is called by itself: a page in a browser here comes under its own site's name. */
const OWN_NAMES = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** True only when the address, the name that was asked and the headers all say so. */
export function isFromThisMachine({ socket, headers }: Pick<IncomingMessage, "headers"> & { socket: Peer }): boolean {
  if (!isLoopback(socket.remoteAddress)) return false;
  return FORWARDED_HEADERS.every((name) => headers[name] === undefined) && OWN_NAMES.test(headers.host ?? "");
}

interface Peer {
  remoteAddress?: string | undefined;
}

/** 127.0.0.0/8, also in the spelling of a socket that takes both families, and ::1. */
function isLoopback(address: string | undefined): boolean {
  return address === "::1" || /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(address ?? "");
}
