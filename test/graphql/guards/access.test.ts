import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import {
  execute,
  type GraphQLField,
  type GraphQLInputType,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isRequiredArgument,
  isRequiredInputField,
  parse,
} from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAdminToken } from "../../../src/db/queries/admin/tokens.ts";
import { adminTokens } from "../../../src/db/schema/index.ts";
import { createContext } from "../../../src/graphql/context.ts";
import { hashToken } from "../../../src/graphql/guards/auth.ts";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import { createSchema } from "../../../src/graphql/schema.ts";
import { ADMIN_TOKEN, type AdminClient, startAdminApi } from "../admin-client.ts";
import { createTestEnvironment } from "../api-environment.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

const SOME_ID = encodeGlobalId("Thread", "01990000-0000-7000-8000-000000000000");
const schema = createSchema();
const queryFields = Object.values(schema.getQueryType()?.getFields() ?? {});

test.each(queryFields.map((field) => field.name))("Query.%s returns nothing without a token", async (name) => {
  const query = queryOf(name);

  const { status, headers, body } = await admins.ask(query, { token: null });

  expect(status).toBe(401);
  expect(headers.get("www-authenticate")).toBe("Bearer");
  expect(body.data).toBeUndefined();
  expect(body.errors?.map((error) => error.extensions.code)).toEqual(["UNAUTHENTICATED"]);
});

test.each(queryFields.map((field) => field.name))("Query.%s is refused by the schema, too", async (name) => {
  const contextValue = createContext({
    db: admins.db,
    activity: admins.activity,
    environment: createTestEnvironment(),
    logger: { info: () => undefined },
    admin: null,
  });

  const { errors } = await execute({ schema, document: parse(queryOf(name)), contextValue });

  expect(errors?.map((error) => error.extensions.code)).toEqual(["UNAUTHENTICATED"]);
});

test("without a token, GET, introspection and typos get the same refusal, which reveals nothing of the schema", async () => {
  const get = await admins.api.fetch("http://localhost/graphql?query={__typename}", {
    headers: { "x-graphql-yoga-csrf": "1" },
  });
  const introspection = await admins.ask("{ __schema { types { name } } }", { token: null });
  const typo = await admins.ask("{ thread }", { token: null });

  expect([get.status, introspection.status, typo.status]).toEqual([401, 401, 401]);
  expect(typo.body.errors?.[0]?.message).toBe(introspection.body.errors?.[0]?.message);
});

test.each(["wrong-token-that-is-long-enough-for-a-token", `${ADMIN_TOKEN}x`, ADMIN_TOKEN.slice(0, -1)])(
  "a token that is not the right one is refused: %s",
  async (token) => {
    const { status } = await admins.ask("{ viewer { name } }", { token });

    expect(status).toBe(401);
  },
);

test("the configured token has all rights", async () => {
  const data = await admins.query("{ viewer { name scope } }");

  expect(data.viewer).toEqual({ name: "ADMIN_TOKEN", scope: "ADMIN" });
});

test("a stored token has its name and scope, and its use is recorded", async () => {
  const { token, id } = await storeToken({ name: "dashboard", scope: "viewer" });

  const { body } = await admins.ask("{ viewer { name scope } }", { token });

  const [row] = await admins.db.select().from(adminTokens).where(eq(adminTokens.id, id));
  expect(body.data.viewer).toEqual({ name: "dashboard", scope: "VIEWER" });
  expect(row?.lastUsedAt).toBeInstanceOf(Date);
});

test("the use of a token is recorded at most once a minute", async () => {
  const { token, id } = await storeToken({});
  const justNow = new Date(Date.now() - 30_000);
  await admins.db.update(adminTokens).set({ lastUsedAt: justNow }).where(eq(adminTokens.id, id));

  await admins.ask("{ viewer { name } }", { token });

  const [row] = await admins.db.select().from(adminTokens).where(eq(adminTokens.id, id));
  expect(row?.lastUsedAt).toEqual(justNow);
});

test("an expired or revoked token is refused, one that expires later is not", async () => {
  const expired = await storeToken({ expiresAt: new Date(Date.now() - 1000) });
  const revoked = await storeToken({ revokedAt: new Date() });
  const valid = await storeToken({ expiresAt: new Date(Date.now() + 3_600_000) });

  const answers = await Promise.all(
    [expired, revoked, valid].map(({ token }) => admins.ask("{ viewer { name } }", { token })),
  );

  expect(answers.map((answer) => answer.status)).toEqual([401, 401, 200]);
});

test("a token is looked up once per request", async () => {
  const { token } = await storeToken({});
  admins.statements.length = 0;

  await admins.ask("{ a: viewer { name } b: viewer { name } threads { nodes { id } } }", { token });

  expect(admins.statements.filter((statement) => statement.includes('select "id", "name", "scope"'))).toHaveLength(1);
});

const BAD_USER_INPUT = { code: "BAD_USER_INPUT" };
const MISSING_HEADER =
  "Blocked by CSRF protection: send 'Content-Type: application/json', or the header 'x-graphql-yoga-csrf' with any value";

test("a form of another site is refused even with a token, and the message names the missing header", async () => {
  const authorization = `Bearer ${ADMIN_TOKEN}`;
  const body = JSON.stringify({ query: "{ __typename }" });
  const form = new FormData();
  form.set("operations", body);
  const requests = [
    { method: "GET", headers: { authorization } },
    { method: "POST", headers: { "content-type": "text/plain", authorization }, body },
    { method: "POST", headers: { authorization }, body: new URLSearchParams({ query: "{ __typename }" }) },
    { method: "POST", headers: { authorization }, body: form },
  ];

  for (const request of requests) {
    const answer = await admins.api.fetch("http://localhost/graphql?query={__typename}", request);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toEqual({ errors: [{ message: MISSING_HEADER, extensions: BAD_USER_INPUT }] });
  }
});

test("a request refused by CSRF protection is answered with either header that the message names", async () => {
  const authorization = `Bearer ${ADMIN_TOKEN}`;
  const address = "http://localhost/graphql?query={__typename}";

  const answers = [
    await admins.api.fetch(address, { headers: { authorization, "content-type": "application/json" } }),
    await admins.api.fetch(address, { headers: { authorization, "x-graphql-yoga-csrf": "1" } }),
  ];

  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});

test("a page of another site gets no CORS headers", async () => {
  const preflight = await admins.api.fetch("http://localhost/graphql", {
    method: "OPTIONS",
    headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
  });

  expect(preflight.headers.get("access-control-allow-origin")).toBeNull();
});

async function storeToken(values: Partial<typeof adminTokens.$inferInsert>) {
  const token = `ch_${randomBytes(32).toString("base64url")}`;
  const id = await createAdminToken(admins.db, {
    name: values.name ?? "test",
    scope: values.scope ?? "admin",
    tokenHash: hashToken(token),
    sandbox: values.sandbox ?? false,
    expiresAt: null,
  });
  await admins.db
    .update(adminTokens)
    .set({ name: "test", ...values })
    .where(eq(adminTokens.id, id));
  return { token, id };
}

/** The smallest query of a root field: its required arguments, and `__typename` if it returns an object. */
function queryOf(name: string): string {
  const field = queryFields.find((candidate) => candidate.name === name) as GraphQLField<unknown, unknown>;
  const args = field.args.filter(isRequiredArgument).map(({ name, type }) => `${name}: ${literalOf(type)}`);
  const selection = isCompositeType(getNamedType(field.type)) ? " { __typename }" : "";
  return `{ ${name}${args.length > 0 ? `(${args.join(", ")})` : ""}${selection} }`;
}

/** A value of an argument's type, as GraphQL text. */
function literalOf(type: GraphQLInputType): string {
  const named = getNamedType(type);
  if (String(type).startsWith("[")) return `[${literalOf(named)}]`;
  if (isEnumType(named)) return named.getValues()[0]?.name ?? "";
  if (named.name === "Date") return '"2026-11-24"';
  if (!isInputObjectType(named)) return JSON.stringify(SOME_ID);
  const fields = Object.values(named.getFields()).filter(isRequiredInputField);
  return `{ ${fields.map((field) => `${field.name}: ${literalOf(field.type)}`).join(", ")} }`;
}
