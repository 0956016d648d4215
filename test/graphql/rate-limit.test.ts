import { afterAll, beforeAll, expect, test } from "vitest";
import { adminTokens } from "../../src/db/schema/index.ts";
import { hashToken } from "../../src/graphql/auth.ts";
import { createRateLimiter, RATE_LIMIT } from "../../src/graphql/rate-limit.ts";
import { makeToken } from "../../src/make-token.ts";
import { type AdminClient, startAdminApi } from "./admin-client.ts";

let admins: AdminClient;
let nowMs = 0;
beforeAll(async () => {
  admins = await startAdminApi({ rateLimit: { perSecond: 0.5, burst: 2 }, clock: () => nowMs });
});
afterAll(() => admins.close());

const QUERY = "{ viewer { name } }";

test("who asks too often is refused with 429 and told when to come again; others are not", async () => {
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

test("a dashboard that asks ten things a second is never refused, nor is one that opens with a hundred", () => {
  let seconds = 0;
  const limiter = createRateLimiter(RATE_LIMIT, () => seconds);
  const waits: number[] = [];

  for (let request = 0; request < 100; request++) waits.push(limiter.take("dashboard"));
  for (; seconds < 60; seconds += 0.1) waits.push(limiter.take("dashboard"));

  expect(waits.filter((wait) => wait > 0)).toEqual([]);
});

test("in the long run no more goes through than the rate, whatever is asked", () => {
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
