import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createGraphiqlPages } from "../../src/graphql/graphiql/pages.ts";
import type { ConnectionLimits } from "../../src/http/connections.ts";
import type { Routes } from "../../src/http/router.ts";
import { type HttpServer, startHttpServer } from "../../src/http/server.ts";
import { exchange, get, open } from "../support/http-client.ts";

/** Created once: reading its files takes a second. */
const graphiql = createGraphiqlPages();

let http: HttpServer;
let nowMs = 0;
let errors: unknown[];
let asked: string[];

beforeEach(() => start());
afterEach(() => http.close());

async function start(given: { connectionLimits?: ConnectionLimits; routes?: Partial<Routes> } = {}) {
  await http?.close();
  errors = [];
  asked = [];
  const { connectionLimits } = given;
  http = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    clock: () => nowMs,
    onError: (error) => errors.push(error),
    ...(connectionLimits ? { connectionLimits } : {}),
  });
  http.serve({
    isReady: () => true,
    graphql: (_, response) => response.writeHead(401).end("no token"),
    graphiql,
    metrics: (request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(200).end("metrics");
    },
    webhook: null,
    sandbox: null,
    ...given.routes,
  });
}

const LIMITS: ConnectionLimits = { connections: 100, unknown: 50, pipelined: 4, unreadBytes: 1_000_000 };
const CLOSE = "Connection: close\r\n";
const HTML = "Accept: text/html\r\n";
const statusesIn = (answers: string) => [...answers.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status = ""]) => status);

const HANDSHAKE =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: https://admin.example.com\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n";

test("a WebSocket is refused with a sentence that names server-sent events, before any token is asked for", async () => {
  for (const path of ["/graphql", "/graphql/stream", "/", "/subscriptions", "/metrics"]) {
    const [head = "", body = ""] = (await exchange(http.address, get(path, HANDSHAKE))).split("\r\n\r\n");

    expect(statusesIn(head)).toEqual(["400"]);
    expect(JSON.parse(body.slice(body.indexOf("{"), body.lastIndexOf("}") + 1))).toEqual({
      errors: [
        {
          message:
            "There are no WebSockets here: subscriptions come as server-sent events (SSE). POST them to /graphql with the header 'Accept: text/event-stream'",
          extensions: { code: "BAD_REQUEST" },
        },
      ],
    });
  }
});

test("an offer to upgrade to HTTP/2, as curl makes it, is passed over", async () => {
  const offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
  const socket = open(http.address);
  socket.write(get("/graphql", offer));
  const [answer] = await once(socket, "data");
  socket.destroy();

  expect(String(answer)).toContain("401");
});

test("without routes the server answers 503 and is not healthy", async () => {
  const early = await startHttpServer({ host: "127.0.0.1", port: 0, onError: (error) => errors.push(error) });

  const [health, page] = await Promise.all(["/healthz", "/graphql"].map((path) => fetch(early.address + path)));
  await early.close();

  expect([health?.status, await health?.text()]).toEqual([503, "not ready\n"]);
  expect([page?.status, await page?.text()]).toEqual([503, "Starting: try again in a moment\n"]);
});

test.each(["/healthz", "/graphql", "/graphql/assets/graphiql.js", "/nothing", "/metrics", "/"])(
  "%s has headers that forbid other sites to frame it or run scripts in it",
  async (path) => {
    const { headers } = await fetch(http.address + path, { headers: { accept: "text/html" }, redirect: "manual" });

    expect(headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get("content-security-policy")).not.toMatch(/script-src [^;]*(unsafe|\*|data:|blob:)/);
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
  },
);

test("GraphiQL is a small page that loads files from this server only", async () => {
  const page = await fetch(`${http.address}/graphql`, { headers: { accept: "text/html" } });
  const html = await page.text();
  const files = [...html.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map(([, path = ""]) => path);
  const answers = await Promise.all(files.map((path) => fetch(http.address + path)));

  expect(html.length).toBeLessThan(2_000);
  expect(html).not.toMatch(/<script>|<style>|https?:/);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const script = (await answers[1]?.text()) ?? "";
  expect(script).toContain("renderYogaGraphiQL(document.querySelector");
  // Otherwise it subscribes by GET, which CSRF protection refuses.
  expect(script.slice(-1_000)).toContain('"method":"POST"');
});

test("a file that the browser has cached is not sent again", async () => {
  const path = `${http.address}/graphql/assets/graphiql.css`;
  const first = await fetch(path, { method: "HEAD" });

  const again = await fetch(path, { headers: { "if-none-match": first.headers.get("etag") ?? "" } });

  expect(Number(first.headers.get("content-length"))).toBeGreaterThan(10_000);
  expect([again.status, await again.text()]).toEqual([304, ""]);
});

test.each([
  ["/graphql/assets/", "GET", 404],
  ["/graphql/assets/__proto__", "GET", 404],
  ["/graphql/assets/../../package.json", "GET", 404],
  ["/graphql/assets/graphiql.js", "POST", 405],
  ["/graphql/", "GET", 404],
])("%s by %s is %i", async (path, method, status) => {
  const answer = await exchange(http.address, `${method} ${path} HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`);

  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

test.each([
  ["a Host with a space", "GET /graphql HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["a Host with a path", "GET /graphql HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["a Host with an incomplete address", "GET /graphql HTTP/1.1\r\nHost: [::1\r\n\r\n"],
  ["a Host with an invalid port", "GET /graphql HTTP/1.1\r\nHost: a:99999\r\n\r\n"],
  ["a Host with a user", "GET /graphql HTTP/1.1\r\nHost: u@a\r\n\r\n"],
  ["an empty Host", "GET /graphql HTTP/1.1\r\nHost:\r\n\r\n"],
  ["two Hosts", "GET /graphql HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
  ["no Host", "GET /graphql HTTP/1.1\r\n\r\n"],
  ["a target that means the whole server", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a target that is not a URL", "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a target with non-ASCII characters", "GET /graphql\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a header without a colon", "GET /graphql HTTP/1.1\r\nHost a\r\n\r\n"],
  ["something other than HTTP", "hello\r\n\r\n"],
  ["an unknown expectation", "GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n"],
])("%s gets status 400 without a body, and is not logged", async (_, bytes) => {
  const answer = await exchange(http.address, bytes);
  const [head = "", body] = answer.split("\r\n\r\n");

  expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(body).toBe("");
  expect(errors).toEqual([]);
});

test("HTTP/1.0 needs no Host, which some load balancers' checks omit", async () => {
  expect(await exchange(http.address, "GET /healthz HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nok\n$/);
});

test.each(["//x/metrics", "/./metrics", "/x/../metrics", "/%6detrics", "/metrics/", "http://x/metrics", "/METRICS"])(
  "%s does not match /metrics",
  async (path) => {
    const answer = await exchange(http.address, get(path, CLOSE));

    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(asked).toEqual([]);
  },
);

test("requests on one connection are answered one after another, and too many close it", async () => {
  let open = 0;
  let most = 0;
  const graphql: Routes["graphql"] = async (_, response) => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setImmediate(resolve));
    open -= 1;
    response.end("answer");
  };
  await start({ connectionLimits: LIMITS, routes: { graphql } });

  const few = await exchange(http.address, get("/graphql").repeat(3) + get("/graphql", CLOSE));
  const answersOfFew = few.match(/answer/g)?.length;
  const many = await exchange(http.address, get("/graphql").repeat(300)).catch((error: Error) => error);

  expect(answersOfFew).toBe(4);
  expect(most).toBe(1);
  // Cut off: what was written before may have arrived.
  expect(String(many).match(/answer/g)?.length ?? 0).toBeLessThanOrEqual(4);
});

test("with too many unread bytes the connections that do not read are closed, and other clients get their answers", async () => {
  const large = "x".repeat(20_000_000);
  let closed = 0;
  const allClosed = Promise.withResolvers<void>();
  const graphql: Routes["graphql"] = (_, response) => {
    response.end(large).once("close", () => {
      closed += 1;
      if (closed === 3) allClosed.resolve();
    });
  };
  await start({ connectionLimits: LIMITS, routes: { graphql } });
  const lazy = [1, 2, 3].map(() => open(http.address).pause());
  const ended = lazy.map((socket) =>
    once(
      socket.on("error", () => undefined),
      "close",
    ),
  );
  for (const socket of lazy) socket.write(get("/graphql"));
  await allClosed.promise;

  const health = await fetch(`${http.address}/healthz`);
  // A paused socket gets "close" only once it reads on.
  for (const socket of lazy) socket.resume();
  await Promise.all(ended);

  expect(health.status).toBe(200);
  for (const socket of lazy) expect(socket.bytesRead).toBeLessThan(large.length);
});

test("a new connection closes the oldest one without a token, and one with a token stays", async () => {
  await start({
    connectionLimits: { ...LIMITS, unknown: 3 },
    routes: {
      graphql(request, response) {
        http.trust(request);
        response.end("trusted");
      },
    },
  });
  const admin = open(http.address);
  admin.write(get("/graphql"));
  await once(admin, "data");
  const holders = [];
  for (let count = 0; count < 5; count++) {
    const holder = open(http.address);
    holder.on("error", () => undefined);
    await once(holder, "connect");
    holders.push(holder);
  }

  const health = await fetch(`${http.address}/healthz`, { headers: { connection: "close" } });
  await Promise.all(holders.slice(0, 2).map((holder) => holder.closed || once(holder.resume(), "close")));
  admin.write(get("/graphql", CLOSE));
  const [again] = await once(admin, "data");

  expect(health.status).toBe(200);
  expect(String(again)).toContain("trusted");
  for (const holder of holders) holder.destroy();
});

test("the limit also holds for connections that are opened all at once", async () => {
  await start({ connectionLimits: { ...LIMITS, unknown: 3 } });
  const holders = Array.from({ length: 40 }, () => open(http.address).on("error", () => undefined));
  const ended = holders.map((holder) => once(holder.resume(), "close"));

  // The server accepts the connections in the order in which they were opened.
  expect((await fetch(`${http.address}/healthz`)).status).toBe(200);
  await Promise.all(ended.slice(0, 37));

  expect(holders.filter((holder) => !holder.closed).length).toBeLessThanOrEqual(3);
  for (const holder of holders) holder.destroy();
});

test.each([
  ["/graphql", 100],
  ["/nothing", 100],
  ["/healthz", 2_000],
])("%s can be requested many times, then answers 429 for a while; other paths do not", async (path, burst) => {
  const ask = (times: number) => exchange(http.address, get(path, HTML).repeat(times) + get(path, HTML + CLOSE));
  const statuses: string[] = [];
  for (let asked = 0; asked < burst; asked += 10) statuses.push(...statusesIn(await ask(9)));
  const refused = await exchange(http.address, get(path, HTML + CLOSE));
  const other = await fetch(`${http.address}${path === "/healthz" ? "/nothing" : "/healthz"}`);
  nowMs += 1_000;
  const later = statusesIn(await exchange(http.address, get(path, HTML + CLOSE)));

  expect(statuses).toHaveLength(burst);
  expect(new Set(statuses)).toEqual(new Set([path === "/nothing" ? "404" : "200"]));
  expect(refused).toMatch(/^HTTP\/1\.1 429 [\s\S]*\r\nretry-after: 1\r\n[\s\S]*Too many requests from this address/);
  expect(other.status).not.toBe(429);
  expect(later).not.toEqual(["429"]);
});

test("a client that disconnects while sending its body causes no error", async () => {
  const gone = Promise.withResolvers<void>();
  const metrics: Routes["metrics"] = async (request) => {
    request.once("close", gone.resolve);
    for await (const _ of request);
  };
  await start({ routes: { metrics } });
  const client = open(http.address);
  client.write("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf", () => client.destroy());
  await gone.promise;

  expect((await fetch(`${http.address}/healthz`)).status).toBe(200);
  expect(errors).toEqual([]);
});

test.each(["fe80::1", "203.0.113.7"])(
  "HOST %s, which this machine cannot listen on, is an error that names HOST",
  async (host) => {
    await expect(startHttpServer({ host, port: 0, onError: () => undefined })).rejects.toThrow(
      /^HOST \S+ is not an address of this machine/,
    );
  },
);

test("a port in use is an error that names PORT", async () => {
  const other = createServer();
  await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
  const { port } = other.address() as { port: number };

  const starting = startHttpServer({ host: "127.0.0.1", port, onError: () => undefined });

  await expect(starting).rejects.toThrow(/^Port \d+ is in use .*PORT/);
  other.close();
});
