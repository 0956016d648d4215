import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAdminToken } from "../../src/db/queries/admin-tokens.ts";
import { hashToken } from "../../src/graphql/auth.ts";
import { says, scripted } from "../../src/sandbox/model/script.ts";
import { ADMIN_TOKEN, startTestApp, type TestApp } from "../support/app.ts";
import { onTestServer } from "../support/database.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp(scripted([says("All is well.")]));
});
afterAll(() => app.close());

/** Headers that make a request one from elsewhere. */
const FROM_ELSEWHERE = { "x-forwarded-for": "203.0.113.7" };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Asks for the metrics. `fetch` would not let a test say under which name. */
async function ask(headers: Record<string, string> = {}, method = "GET") {
  const sent = request(`${app.app().address}/metrics`, { method, headers, agent: false }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, text: await text(response) };
}

async function storeToken(name: string, expiresAt: Date | null = null): Promise<string> {
  const token = `a-stored-token-${name}-0123456789abcdef`;
  await createAdminToken(app.test.db, { name, scope: "viewer", tokenHash: hashToken(token), expiresAt });
  return token;
}

/** The database lets nobody in while `work` is done. */
async function withDatabaseAway<T>(work: () => Promise<T>): Promise<T> {
  const { name } = app.test;
  await onTestServer(async (session) => {
    await session`alter database ${session(name)} allow_connections false`;
    await session`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${name}`;
  });
  try {
    return await work();
  } finally {
    await onTestServer((session) => session`alter database ${session(name)} allow_connections true`);
  }
}

test("a scraper on this machine reads Prometheus' text format without a token", async () => {
  const answer = await ask();

  expect(answer.status).toBe(200);
  expect(answer.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(answer.headers["cache-control"]).toBe("no-store");
  expect(answer.text).toContain("\ncounterhand_database_up 1\n");
  expect(answer.text).toContain("\ncounterhand_runs_queued 0\n");
  expect(answer.text).toContain("\ncounterhand_workers_live 1\n");
  expect(answer.text).toContain('\ncounterhand_pool_connections_max{pool="admin"} 8\n');
  expect(answer.text).toMatch(/^process_resident_memory_bytes \d+/m);
});

test.each([
  FROM_ELSEWHERE,
  { ...FROM_ELSEWHERE, ...bearer("no-token-of-ours-0123456789abcdefghij") },
  { host: "shop.test" },
])("whoever comes from elsewhere without a valid token is refused: %j", async (headers) => {
  const answer = await ask(headers);

  expect(answer.status).toBe(401);
  expect(answer.headers["www-authenticate"]).toBe("Bearer");
  expect(answer.text).not.toContain("counterhand_");
});

test("a valid admin token reads them from everywhere, of whatever scope", async () => {
  const own = await ask({ ...FROM_ELSEWHERE, ...bearer(ADMIN_TOKEN) });
  const stored = await ask({ ...FROM_ELSEWHERE, ...bearer(await storeToken("prometheus")) });
  const expired = await ask({ ...FROM_ELSEWHERE, ...bearer(await storeToken("old", new Date(Date.now() - 1_000))) });

  expect([own.status, stored.status, expired.status]).toEqual([200, 200, 401]);
});

test("they are only read", async () => {
  const [head, post] = [await ask({}, "HEAD"), await ask({}, "POST")];

  expect([head.status, head.text]).toEqual([200, ""]);
  expect([post.status, post.headers.allow]).toEqual([405, "GET, HEAD"]);
});

test("while the database is away the rest is told, what only it knows is absent, and then it is back", async () => {
  const token = await storeToken("scraper");
  const away = await withDatabaseAway(async () => {
    await expect.poll(async () => (await ask()).text).toContain("\ncounterhand_database_up 0\n");
    const stored = await ask({ ...FROM_ELSEWHERE, ...bearer(token) });
    const own = await ask({ ...FROM_ELSEWHERE, ...bearer(ADMIN_TOKEN) });
    return { stored, own, text: (await ask()).text };
  });

  expect(away.text).not.toMatch(/^counterhand_(runs_queued|runs_running|deliveries_waiting|workers_live|oldest_\w+) /m);
  expect(away.text).toContain("counterhand_telegram_calls_total{");
  // Nobody knows what a stored token is worth now: neither yes nor no.
  expect([away.stored.status, away.own.status]).toEqual([503, 200]);
  await expect.poll(async () => (await ask()).text).toContain("\ncounterhand_runs_queued 0\n");
});
