import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

let server: Server;
let proxy: TcpProxy;
const sockets: Socket[] = [];

beforeEach(async () => {
  // An echo, which ends when the client does.
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

/** A client that connects, and what comes back to it. */
function joined() {
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

/** There and back without the proxy, with a new connection: what comes through the proxy at once has come by then. */
async function roundTripElsewhere(): Promise<void> {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  sockets.push(socket);
  socket.write("hello");
  await once(socket, "data");
}

test("what is said comes through, and the end of it too", async () => {
  const client = joined();

  client.socket.end("x".repeat(1_000_000));

  expect(await client.closed).toBe("end");
  expect(client.received()).toHaveLength(1_000_000);
});

test("a cut resets what is connected, and the next connection is well", async () => {
  const client = joined();
  client.socket.write("hello");
  await expect.poll(client.received).toBe("hello");

  proxy.cut();

  expect(await client.closed).toBe("ECONNRESET");
  const next = joined();
  next.socket.write("again");
  await expect.poll(next.received).toBe("again");
});

test("a border that refuses resets every new connection until it passes again", async () => {
  proxy.set({ kind: "refuse" });

  expect(await joined().closed).toBe("ECONNRESET");

  proxy.set({ kind: "pass" });
  const client = joined();
  client.socket.write("hello");
  await expect.poll(client.received).toBe("hello");
});

test("a black hole keeps everything, and lets it go when it passes again", async () => {
  const client = joined();
  proxy.set({ kind: "blackhole" });

  client.socket.write("hello");
  const other = joined();
  other.socket.write("other");
  await roundTripElsewhere();

  expect([client.received(), other.received()]).toEqual(["", ""]);
  proxy.set({ kind: "pass" });
  await expect.poll(client.received).toBe("hello");
  await expect.poll(other.received).toBe("other");
});

test("what somebody said in a black hole and then ended is never heard", async () => {
  const heard: string[] = [];
  server.on("connection", (socket) => socket.on("data", (chunk) => heard.push(String(chunk))));
  const client = joined();
  client.socket.write("hello");
  await expect.poll(client.received).toBe("hello");
  proxy.set({ kind: "blackhole" });

  client.socket.end("late");
  await roundTripElsewhere();
  proxy.set({ kind: "pass" });

  expect(await client.closed).toBe("ECONNRESET");
  expect(heard.filter((text) => text === "late")).toEqual([]);
});

test("in a black hole not even the end of a client gets through", async () => {
  const ended = new Promise((resolve) => {
    server.once("connection", (socket) => socket.once("close", () => resolve("closed")));
  });
  const client = joined();
  client.socket.write("hello");
  await expect.poll(client.received).toBe("hello");
  proxy.set({ kind: "blackhole" });

  client.socket.resetAndDestroy();
  await roundTripElsewhere();

  expect(await Promise.race([ended, "still open"])).toBe("still open");
  proxy.set({ kind: "pass" });
  expect(await ended).toBe("closed");
});
