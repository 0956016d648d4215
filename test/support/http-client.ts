/** Requests as bytes, for what `fetch` would not send, and answers as they come. */
import { connect, type Socket } from "node:net";

/** What a server answers to these bytes until it closes the connection; `address` is `http://host:port`. */
export async function exchange(address: string, bytes: string): Promise<string> {
  const socket = open(address);
  socket.write(bytes);
  return Buffer.concat(await socket.toArray()).toString("latin1");
}

/** A connection to `address`. Whoever opens it ends it. */
export function open(address: string): Socket {
  const { hostname, port } = new URL(address);
  return connect(Number(port), hostname);
}

/** A GET of `path` that leaves the connection open, unless `headers` say otherwise. */
export function get(path: string, headers = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
}
