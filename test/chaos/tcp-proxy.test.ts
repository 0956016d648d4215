import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

let server: Server;
let proxy: TcpProxy;
const sockets: Socket[] = [];

beforeEach(async () => {
  // An echo server that closes when the client closes.
  server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  proxy = await startTcpProxy(() => ({ port }));
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.close();
  server.close();
});

/** Connects a client through the proxy and collects what it receives. */
function connectClient() {
  const socket = connect(proxy.port, "127.0.0.1");
  sockets.push(socket);
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk;
  });
  const closed = new Promise<string>((resolve) => {
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once("end", () => resolve("end"));
  });
  return { socket, closed, received: () => received };
}

/** A round trip on a new connection without the proxy. Data that the proxy forwards immediately has arrived by then. */
async function directRoundTrip(): Promise<void> {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  sockets.push(socket);
  socket.write("hello");
  await once(socket, "data");
}

test("data and the end of a connection are forwarded", async () => {
  const client = connectClient();

  client.socket.end("x".repeat(1_000_000));

  expect(await client.closed).toBe("end");
  expect(client.received()).toHaveLength(1_000_000);
});

test("a cut resets open connections, and the next connection works", async () => {
  const client = connectClient();
  client.socket.write("hello");
  await expect.poll(client.received).toBe("hello");

  proxy.cut();

  expect(await client.closed).toBe("ECONNRESET");
  const next = connectClient();
  next.socket.write("again");
  await expect.poll(next.received).toBe("again");
});

test("a refusing link resets every new connection until it passes again", async () => {
  proxy.set({ kind: "refuse" });

  expect(await connectClient().closed).toBe("ECONNRESET");

  proxy.set({ kind: "pass" });
  const client = connectClient();
  client.socket.write("hello");
  await expect.poll(client.received).toBe("hello");
});

test("a black hole holds all data until the link passes again", async () => {
  const client = connectClient();
  proxy.set({ kind: "blackhole" });

  client.socket.write("hello");
  const other = connectClient();
  other.socket.write("other");
  await directRoundTrip();

  expect([client.received(), other.received()]).toEqual(["", ""]);
  proxy.set({ kind: "pass" });
  await expect.poll(client.received).toBe("hello");
  await expect.poll(other.received).toBe("other");
});

test("data of a client that ended during a black hole is never delivered", async () => {
  const received: string[] = [];
  server.on("connection", (socket) => socket.on("data", (chunk) => received.push(String(chunk))));
  const client = connectClient();
  client.socket.write("hello");
  await expect.poll(client.received).toBe("hello");
  proxy.set({ kind: "blackhole" });

  client.socket.end("late");
  await directRoundTrip();
  proxy.set({ kind: "pass" });

  expect(await client.closed).toBe("ECONNRESET");
  expect(received.filter((text) => text === "late")).toEqual([]);
});

test("a black hole also holds back the end of a connection", async () => {
  const ended = new Promise((resolve) => {
    server.once("connection", (socket) => socket.once("close", () => resolve("closed")));
  });
  const client = connectClient();
  client.socket.write("hello");
  await expect.poll(client.received).toBe("hello");
  proxy.set({ kind: "blackhole" });

  client.socket.resetAndDestroy();
  await directRoundTrip();

  expect(await Promise.race([ended, "still open"])).toBe("still open");
  proxy.set({ kind: "pass" });
  expect(await ended).toBe("closed");
});
