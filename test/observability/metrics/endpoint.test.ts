import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { says, scripted } from "../../../sandbox/model/script.ts";
import { createAdminToken } from "../../../src/db/queries/admin/tokens.ts";
import { hashToken } from "../../../src/graphql/guards/auth.ts";
import { ADMIN_TOKEN, startTestApp, type TestApp } from "../../support/app.ts";
import { onTestServer } from "../../support/database.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp(scripted([says("All is well.")]));
});
afterAll(() => app.close());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Requests the metrics, with the configured token unless `headers` are given. */
async function ask(headers: Record<string, string> = bearer(ADMIN_TOKEN), method = "GET") {
  const sent = request(`${app.app().address}/metrics`, { method, headers, agent: false }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, text: await text(response) };
}

async function storeToken(name: string, expiresAt: Date | null = null): Promise<string> {
  const token = `a-stored-token-${name}-0123456789abcdef`;
  const facts = { name, scope: "viewer", sandbox: false, expiresAt } as const;
  await createAdminToken(app.test.db, { ...facts, tokenHash: hashToken(token) });
  return token;
}

/** The database accepts no connections during `work`. */
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

test("with a token the metrics are returned in Prometheus' text format", async () => {
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
  {},
  { "x-forwarded-for": "127.0.0.1" },
  { host: "localhost" },
  bearer("no-token-of-ours-0123456789abcdefghij"),
])("without a valid token they are refused, even to this machine: %j", async (headers) => {
  const answer = await ask(headers);

  expect(answer.status).toBe(401);
  expect(answer.headers["www-authenticate"]).toBe("Bearer");
  expect(answer.text).not.toContain("counterhand_");
});

test("a valid admin token of any scope may read them", async () => {
  const stored = await ask(bearer(await storeToken("prometheus")));
  const expired = await ask(bearer(await storeToken("old", new Date(Date.now() - 1_000))));

  expect([stored.status, expired.status]).toEqual([200, 401]);
});

test("only GET and HEAD are allowed", async () => {
  const [head, post] = [await ask(undefined, "HEAD"), await ask(undefined, "POST")];

  expect([head.status, head.text]).toEqual([200, ""]);
  expect([post.status, post.headers.allow]).toEqual([405, "GET, HEAD"]);
});

test("while the database is unavailable its metrics are absent and the others remain, and later they are back", async () => {
  const token = await storeToken("scraper");
  const away = await withDatabaseAway(async () => {
    await expect.poll(async () => (await ask()).text).toContain("\ncounterhand_database_up 0\n");
    const stored = await ask(bearer(token));
    const own = await ask();
    return { stored, own, text: (await ask()).text };
  });

  expect(away.text).not.toMatch(/^counterhand_(runs_queued|runs_running|deliveries_waiting|workers_live|oldest_\w+) /m);
  expect(away.text).toContain("counterhand_telegram_calls_total{");
  // A stored token cannot be checked now: neither 200 nor 401.
  expect([away.stored.status, away.own.status]).toEqual([503, 200]);
  await expect.poll(async () => (await ask()).text).toContain("\ncounterhand_runs_queued 0\n");
});

test("wrong tokens are limited by address over all paths, and a valid one is not", async () => {
  const askGraphql = (token: string) =>
    fetch(`${app.app().address}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...bearer(token) },
      body: "{}",
    });

  // 30 on each path: together more than the limit's burst of 30, however slow the machine is.
  const tries = Array.from({ length: 30 }, (_, index) => `wrong-${index}`);
  const answers = await Promise.all(tries.map((token) => ask(bearer(token))));
  const graphqlAnswers = await Promise.all(tries.map(askGraphql));

  const statuses = [...answers, ...graphqlAnswers].map(({ status }) => status);
  const refused = graphqlAnswers.find(({ status }) => status === 429);
  expect(new Set(statuses)).toEqual(new Set([401, 429]));
  expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await ask()).status).toBe(200);
});
