import { once } from "node:events";
import { createServer as createHttpServer, Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import {
  type AddressInfo,
  createServer,
  getDefaultAutoSelectFamilyAttemptTimeout,
  type Server,
  type Socket,
} from "node:net";
import { Api } from "grammy";
import { expect, onTestFinished, test } from "vitest";
import { classifyFailure } from "../../../src/bot/telegram/api-errors.ts";
import { reasonOf } from "../../../src/bot/telegram/call-failure.ts";
import { clientOptions } from "../../../src/bot/telegram/connection.ts";
import { markNeverConnected, NEVER_CONNECTED } from "../../../src/bot/telegram/never-connected.ts";
import { allowSlowConnections } from "../../../src/process/connecting.ts";

const TOKEN = "123456789:AAF-a-secret-that-nobody-has-at-telegram";

test("an address of a server may take longer than a slow round trip", () => {
  const before = getDefaultAutoSelectFamilyAttemptTimeout();
  expect(before).toBeLessThan(2_500);

  allowSlowConnections();

  expect(getDefaultAutoSelectFamilyAttemptTimeout()).toBeGreaterThanOrEqual(2_500);
});

test("when no address of a server answers, the error names each with its code, and the message was not sent", async () => {
  const port = await closedPort();
  const agent = markNeverConnected(new HttpAgent());
  const addresses = ["127.0.0.1", "127.0.0.2"].map((address) => ({ address, family: 4 }));

  const request = httpRequest({
    agent,
    host: "telegram.test",
    port,
    lookup: (_host, _options, callback) => callback(null, addresses),
  });
  const [error] = await once(request, "error");

  expect(error).toMatchObject({
    code: NEVER_CONNECTED,
    message: `connect ECONNREFUSED 127.0.0.1:${port}, connect ECONNREFUSED 127.0.0.2:${port}`,
  });
});

test("a connection that ends before TLS is up, or at the proxy, sent nothing; one that ends during the request may have", async () => {
  const rude = await listen(createServer((socket) => socket.end()));
  const silent = await listen(createServer());
  const reading = await listen(createServer((socket) => socket.once("data", () => socket.destroy())));
  const refusing = await listen(createHttpServer().on("connect", (_request, socket: Socket) => socket.end()));

  const failures = await Promise.all([
    failureOf({ apiRoot: `https://127.0.0.1:${rude}` }),
    failureOf({ apiRoot: `http://127.0.0.1:${await closedPort()}` }),
    failureOf({ apiRoot: "https://telegram.test", proxy: `http://127.0.0.1:${refusing}` }),
    failureOf({ apiRoot: "https://telegram.test", proxy: `socks5h://127.0.0.1:${rude}` }),
    failureOf({ apiRoot: `http://127.0.0.1:${reading}` }),
    failureOf({ apiRoot: `http://127.0.0.1:${silent}` }),
  ]);

  expect(failures.map(({ mayBeDone }) => mayBeDone)).toEqual([false, false, false, false, true, true]);
  expect(failures.map(({ description }) => description).join()).not.toContain("secret");
  expect(failures[1]?.description).toMatch(/^connect ECONNREFUSED 127\.0\.0\.1/);
});

test("a request that gets no connection in time sent nothing; one on a connection that is kept alive may have", async () => {
  const { promise: seen, resolve } = Promise.withResolvers<void>();
  let requests = 0;
  const server = createHttpServer((request, response) => {
    requests += 1;
    if (requests === 1) response.end("{}");
    else request.socket.destroy();
  });
  const port = await listen(server);
  // It accepts connections, and never says a word of TLS.
  const mute = await listen(createServer(() => resolve()));
  const api = new Api(TOKEN, clientOptions({ token: TOKEN, apiRoot: `http://127.0.0.1:${port}`, proxy: null }, 5));
  const agent = markNeverConnected(new HttpsAgent(), 50);

  await api.getMe().catch(() => undefined);
  const second = await api.getMe().catch(classifyFailure);
  const [error] = await once(httpsRequest({ agent, host: "127.0.0.1", port: mute }), "error");
  await seen;

  expect(requests).toBe(2);
  expect(second).toMatchObject({ kind: "unknown", mayBeDone: true });
  expect(error).toMatchObject({ code: NEVER_CONNECTED, message: "no connection after 0.05 s" });
});

async function failureOf({ apiRoot, proxy = null }: { apiRoot: string; proxy?: string | null }) {
  const api = new Api(TOKEN, clientOptions({ token: TOKEN, apiRoot, proxy }, 1));
  const error: unknown = await api.sendMessage(1, "hello").catch((reason: unknown) => reason);
  expect(reasonOf(error)).not.toBe("");
  const failure = classifyFailure(error);
  if (failure.kind !== "unknown") throw new Error(`not expected: ${failure.kind}`);
  return failure;
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket.on("error", () => undefined));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function closedPort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await once(server.close(), "close");
  return port;
}
