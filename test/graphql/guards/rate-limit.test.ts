import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { adminTokens } from "../../../src/db/schema/index.ts";
import { hashToken } from "../../../src/graphql/guards/auth.ts";
import { RATE_LIMIT } from "../../../src/graphql/guards/rate-limit.ts";
import { createRateLimiter } from "../../../src/process/rate-limiter.ts";
import { makeToken } from "../../../src/tokens/make-token.ts";
import { ADMIN_TOKEN, type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
let nowMs = 0;
beforeAll(async () => {
  const limit = { perSecond: 0.5, burst: 2 };
  const refusals = createRateLimiter(limit, () => nowMs / 1_000);
  admins = await startAdminApi({ rateLimit: limit, refusals, clock: () => nowMs });
});
afterAll(() => admins.close());

const QUERY = "{ viewer { name } }";

test("a token over the rate limit gets 429 with the time to wait; other tokens do not", async () => {
  const { token } = makeToken();
  await admins.db.insert(adminTokens).values({ name: "other", tokenHash: hashToken(token) });

  const burst = [await admins.ask(QUERY), await admins.ask(QUERY)];
  const refused = await admins.ask(QUERY);
  const other = await admins.ask(QUERY, { token });
  nowMs += 2_000;
  const later = await admins.ask(QUERY);

  expect(burst.map(({ status }) => status)).toEqual([200, 200]);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "2"]);
  expect(refused.body.errors?.[0]?.extensions).toEqual({ code: "RATE_LIMITED", retryAfterSeconds: 2 });
  expect([other.status, later.status]).toEqual([200, 200]);
});

test("too many requests without a valid token get 429 by connection address, whatever `X-Forwarded-For` says", async () => {
  const burst = [await askFrom("192.0.2.1", null), await askFrom("192.0.2.1", "wrong")];
  const refused = await askFrom("192.0.2.1", "wrong again", { "x-forwarded-for": "192.0.2.9" });
  const other = await askFrom("192.0.2.2", "wrong");
  nowMs += 2_000;
  const later = await askFrom("192.0.2.1", null);

  expect(burst.map(({ status }) => status)).toEqual([401, 401]);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "2"]);
  expect(await refused.json()).toEqual({
    errors: [
      {
        message: "Too many requests without a valid token from this address: try again in 2 s",
        extensions: { code: "RATE_LIMITED", retryAfterSeconds: 2 },
      },
    ],
  });
  expect([other.status, later.status]).toEqual([401, 401]);
});

test.each<[string, RequestInit]>([
  ["an unsupported media type", { method: "POST", headers: { accept: "image/png" } }],
  ["OPTIONS", { method: "OPTIONS", headers: { accept: "a/b" } }],
  ["HEAD", { method: "HEAD", headers: { accept: "text/html" } }],
  ["DELETE", { method: "DELETE" }],
])("without a valid token, %s counts like any other request", async (what, init) => {
  const req = { socket: { remoteAddress: `address of ${what}` } } as IncomingMessage;
  const ask = () => admins.api.fetch("http://localhost/graphql", init, { req });

  const statuses = [await ask(), await ask(), await ask()].map(({ status }) => status);

  expect(statuses).toEqual([401, 401, 429]);
});

test("a token that cannot be checked gets 503, which counts as a refusal, and is logged", async () => {
  const away = await startAdminApi({ refusals: createRateLimiter({ perSecond: 1, burst: 2 }, () => 0) });
  await away.testDatabase.database.close();
  const ask = () => away.ask(QUERY, { token: makeToken().token });

  const answers = [await ask(), await ask(), await ask()];
  await away.close().catch(() => undefined);

  expect(answers.map(({ status }) => status)).toEqual([503, 503, 429]);
  expect(answers[0]?.body.errors).toEqual([
    { message: "The token cannot be checked right now: try again in a moment", extensions: { code: "UNAVAILABLE" } },
  ]);
});

test("a valid token works from an address over its limit, and does not use that limit", async () => {
  nowMs += 60_000;
  const address = "192.0.2.3";

  const right = [await askFrom(address, ADMIN_TOKEN)];
  const wrong = [await askFrom(address, "wrong"), await askFrom(address, null), await askFrom(address, "wrong")];
  right.push(await askFrom(address, ADMIN_TOKEN));

  expect(wrong.map(({ status }) => status)).toEqual([401, 401, 429]);
  expect(right.map(({ status }) => status)).toEqual([200, 200]);
});

test("over the network, the address of the connection counts", async () => {
  const server = createServer(admins.api).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ask = () => fetch(`http://127.0.0.1:${port}/graphql`, { method: "POST" });

  const statuses = [await ask(), await ask(), await ask()].map(({ status }) => status);
  const here = await askFrom("127.0.0.1", null);
  server.closeAllConnections();
  server.close();

  expect(statuses).toEqual([401, 401, 429]);
  expect(here.status).toBe(429);
});

test("of ten thousand addresses, the last thousand are remembered", () => {
  const limiter = createRateLimiter({ perSecond: 1, burst: 1 }, () => 0);
  const isRefused = (address: number) => limiter.take(String(address)) > 0;
  isRefused(0);
  const ofBusy: boolean[] = [];

  for (let address = 1; address <= 10_000; address++) {
    isRefused(address);
    ofBusy.push(isRefused(0));
  }

  expect(ofBusy).not.toContain(false);
  expect([10_000, 9_002, 9_001].map(isRefused)).toEqual([true, true, false]);
});

test("a dashboard with ten requests a second is never refused, nor one that opens with a hundred", () => {
  let seconds = 0;
  const limiter = createRateLimiter(RATE_LIMIT, () => seconds);
  const waits: number[] = [];

  for (let request = 0; request < 100; request++) waits.push(limiter.take("dashboard"));
  for (; seconds < 60; seconds += 0.1) waits.push(limiter.take("dashboard"));

  expect(waits.filter((wait) => wait > 0)).toEqual([]);
});

test("in the long run, requests never exceed the rate", () => {
  let seconds = 0;
  const limiter = createRateLimiter({ perSecond: 100, burst: 200 }, () => seconds);
  let taken = 0;

  for (let request = 0; request < 10_000; request++) {
    if (limiter.take("greedy") === 0) taken += 1;
    seconds += 0.001;
  }

  expect(taken).toBeGreaterThanOrEqual(1_190);
  expect(taken).toBeLessThanOrEqual(1_200);
});

/** A simulated request from this address. */
function askFrom(remoteAddress: string, token: string | null, headers: Record<string, string> = {}) {
  const req = { socket: { remoteAddress } } as IncomingMessage;
  const init = {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...headers,
      ...(token !== null && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query: QUERY }),
  };
  return admins.api.fetch("http://localhost/graphql", init, { req });
}
