import { sql } from "drizzle-orm";
import { getIntrospectionQuery } from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectDatabase } from "../../../src/db/client.ts";
import { messages } from "../../../src/db/schema/index.ts";
import { hashToken } from "../../../src/graphql/guards/auth.ts";
import { createAdminApi } from "../../../src/graphql/server.ts";
import { insertMessages, insertThread } from "../../support/conversations.ts";
import { ADMIN_TOKEN, type AdminClient, startAdminApi } from "../admin-client.ts";
import { createTestEnvironment } from "../api-environment.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

test("a query that may return too many values is refused, not truncated", async () => {
  admins.statements.length = 0;

  const codes = await admins.refusal(
    "{ threads(first: 100) { nodes { messages(first: 100) { nodes { run { toolCalls(first: 100) { nodes { id } } } } } } } }",
  );

  expect(codes).toEqual(["QUERY_TOO_COMPLEX"]);
  expect(admins.statements).toEqual([]);
});

test("the page size counts, also as a variable", async () => {
  const query =
    "query ($n: Int) { threads(first: $n) { nodes { messages(first: $n) { nodes { id text role createdAt completedAt } } } } }";

  const small = await admins.ask(query, { variables: { n: 20 } });
  const large = await admins.refusal(query, { n: 100 });

  expect(small.body.errors).toBeUndefined();
  expect(large).toEqual(["QUERY_TOO_COMPLEX"]);
});

test("the largest query of a dashboard is allowed", async () => {
  const { body } = await admins.ask(`{
    threads(first: 50) { edges { cursor node { id title status lastActivityAt messageCount chat { id type title telegramId }
      lastMessage { id role text createdAt } } } totalCount pageInfo { hasNextPage hasPreviousPage endCursor startCursor } }
    messages(first: 100) { nodes { id role text author { name } createdAt run { id status model durationMs usage { inputTokens outputTokens }
      delivery { status } toolCalls { nodes { id name arguments output status durationMs error round } } } } }
  }`);

  expect(body.errors).toBeUndefined();
});

test("a query that is 13 levels deep is refused, one of 12 is not", async () => {
  const nested = (depth: number) =>
    `{ threads(first: 1) { nodes { ${"lastMessage { thread { ".repeat(depth)} id ${"} }".repeat(depth)} } } }`;

  const twelve = await admins.ask(nested(4).replace("id", "chat { id }"));
  const thirteen = await admins.refusal(nested(5));

  expect(twelve.body.errors).toBeUndefined();
  expect(thirteen).toEqual(["QUERY_TOO_COMPLEX"]);
});

test("aliases, tokens and nested introspection are limited", async () => {
  const aliases = `{ ${Array.from({ length: 51 }, (_, index) => `a${index}: viewer { name }`).join(" ")} }`;
  const words = `{ ${"viewer { name } ".repeat(600)} }`;
  const introspection = `{ __schema { types { ${"fields { type { ".repeat(4)} name ${"} }".repeat(4)} } } }`;

  expect(await admins.refusal(aliases)).toEqual(["QUERY_TOO_COMPLEX"]);
  expect(await admins.refusal(words)).toEqual(["GRAPHQL_PARSE_FAILED"]);
  expect(await admins.refusal(introspection)).toEqual(["GRAPHQL_VALIDATION_FAILED"]);
});

test("a body over a megabyte is refused with 413, and a batch is refused", async () => {
  const headers = { "content-type": "application/json", authorization: `Bearer ${ADMIN_TOKEN}` };
  const body = JSON.stringify({ query: `{ viewer { name } } # ${"x".repeat(1_000_000)}` });
  const batch = JSON.stringify([{ query: "{ viewer { name } }" }, { query: "{ viewer { name } }" }]);

  const large = await admins.api.fetch("http://localhost/graphql", { method: "POST", headers, body });
  const batched = await admins.api.fetch("http://localhost/graphql", { method: "POST", headers, body: batch });

  expect(large.status).toBe(413);
  expect(batched.ok).toBe(false);
});

const range = (length: number) => Array.from({ length }, (_, index) => index);

test.each([
  [
    "a fragment that doubles twenty times",
    `{ threads { nodes { ...F0 } } } ${doubling(20, (next) => `${next} ${next}`)}`,
  ],
  [
    "one that goes deeper each time",
    `{ threads { nodes { ...F0 } } } ${doubling(20, (next) => `lastMessage { thread { ${next} } }`)}`,
  ],
  ["a field 400 times", `{ ${"viewer { name } ".repeat(400)} }`],
  ["the same within inline fragments", `{ ${"... { viewer { name } } ".repeat(200)} }`],
  ["100 fragment spreads", `{ ${"...F ".repeat(100)} } fragment F on Query { viewer { name } }`],
  ["__schema twice", "{ a: __schema { types { name } } b: __schema { types { name } } }"],
  ["aliases within __schema", "{ __schema { a: types { name } b: types { name } } }"],
  ["aliases in a fragment on __Type", "{ __schema { types { ...F } } } fragment F on __Type { a: name b: name }"],
  ["a text of 50,001 characters", `{ viewer { name } } #${"x".repeat(50_000)}`],
])("%s is refused before anything is read", async (_, query) => {
  admins.statements.length = 0;

  const codes = await admins.refusal(query);

  expect(codes).toEqual(["QUERY_TOO_COMPLEX"]);
  expect(admins.statements).toEqual([]);
});

test("fragment cycles are refused", async () => {
  const query = "{ threads { nodes { ...A } } } fragment A on Thread { ...B } fragment B on Thread { ...A }";

  expect(await admins.refusal(query)).toEqual(["GRAPHQL_VALIDATION_FAILED"]);
});

test("the introspection query of tools is answered", async () => {
  const { body } = await admins.ask(getIntrospectionQuery());

  expect(body.errors).toBeUndefined();
});

test("variables contain at most 1,000 values, nested ones included", async () => {
  const query = "query ($status: [RunStatus!]) { runs(filter: { status: $status }) { totalCount } }";

  const many = await admins.refusal(query, { status: Array(70_000).fill("QUEUED") });
  const deep = await admins.refusal(query, { status: range(5_000).reduce<unknown>((inner) => [inner], "QUEUED") });
  const few = await admins.query(query, { status: Array(900).fill("QUEUED") });

  expect([many, deep]).toEqual([["QUERY_TOO_COMPLEX"], ["QUERY_TOO_COMPLEX"]]);
  expect(few.runs).toEqual({ totalCount: 0 });
});

test("at most 100 nodes are fetched at once", async () => {
  const id = Buffer.from("Thread:01990000-0000-7000-8000-000000000000").toString("base64url");

  const hundred = await admins.query("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", { ids: Array(100).fill(id) });
  const more = await admins.refusal("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", { ids: Array(101).fill(id) });

  expect(hundred.nodes).toEqual(Array(100).fill(null));
  expect(more).toEqual(["BAD_USER_INPUT"]);
});

test("an error of the database is masked, and logged under the reference that the client gets", async () => {
  const broken = await startAdminApi();
  await broken.db.execute(sql`alter table threads rename column title to secret_name`);

  const { body } = await broken.ask("{ threads { nodes { title } } }");

  const error = body.errors?.[0];
  const reference = /^Unexpected error, reference ([0-9a-f-]{36})$/.exec(error?.message ?? "")?.[1];
  await broken.close();
  expect(error?.extensions).toEqual({ code: "INTERNAL_SERVER_ERROR" });
  expect(JSON.stringify(body)).not.toContain("select");
  expect(broken.errors).toEqual([
    [expect.objectContaining({ reference, err: expect.any(Error) }), "admin query failed"],
  ]);
});

test("a statement that takes too long is cancelled by Postgres and shown as a timeout", async () => {
  const thread = await insertThread(admins.db);
  await insertMessages(admins.db, thread.id, ["slow"]);
  await admins.db.execute(
    sql`create function slow(text) returns text language sql volatile as 'select $1 from pg_sleep(5)'`,
  );
  await admins.db.execute(sql`alter table ${messages} enable row level security`);
  await admins.db.execute(sql`alter table ${messages} force row level security`);
  await admins.db.execute(sql`create policy slow_read on ${messages} using (slow(text) is not null)`);
  await admins.db.execute(sql`create role reader`);
  await admins.db.execute(sql`grant select on all tables in schema public to reader`);
  const pool = connectDatabase(admins.testDatabase.target, { statementTimeoutMs: 200, poolSize: 1 });
  await pool.db.execute(sql`set role reader`);
  const logged: unknown[] = [];
  const logger = {
    error: (...facts: unknown[]) => void logged.push(facts),
    warn: () => undefined,
    info: () => undefined,
  };
  const api = createAdminApi({
    db: pool.db,
    activity: admins.activity,
    adminTokenHash: hashToken(ADMIN_TOKEN),
    logger,
    environment: createTestEnvironment(),
  });

  const response = await api.fetch("http://localhost/graphql", {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify({ query: "{ messages { nodes { text } } }" }),
  });

  const body = (await response.json()) as { errors: { extensions: object }[] };
  await pool.close();
  expect(body.errors.map((error) => error.extensions)).toEqual([{ code: "TIMEOUT" }]);
  expect(logged).toHaveLength(1);
});

/** Fragments on Thread, each with a spread of the next one, the last with `id`. */
function doubling(times: number, make: (next: string) => string): string {
  const fragments = range(times).map((index) => `fragment F${index} on Thread { ${make(`...F${index + 1}`)} }`);
  return [...fragments, `fragment F${times} on Thread { id }`].join(" ");
}
