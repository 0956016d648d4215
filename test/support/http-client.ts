/** Sends HTTP requests as bytes, for requests that `fetch` would not send, and returns the raw responses. */
import { connect, type Socket } from "node:net";

/** Sends these bytes and reads until the server closes the connection. `address` is `http://host:port`. */
export async function exchange(address: string, bytes: string): Promise<string> {
  const socket = open(address);
  socket.write(bytes);
  return Buffer.concat(await socket.toArray()).toString("latin1");
}

/** Opens a connection to `address`. The caller must close it. */
export function open(address: string): Socket {
  const { hostname, port } = new URL(address);
  return connect(Number(port), hostname);
}

/** A GET request for `path`. It keeps the connection open unless `headers` close it. */
export function get(path: string, headers = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
}
