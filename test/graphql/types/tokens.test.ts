import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createAdminToken, MAX_VALID_TOKENS } from "../../../src/db/queries/admin/tokens.ts";
import { adminTokens } from "../../../src/db/schema/index.ts";
import { hashToken } from "../../../src/graphql/guards/auth.ts";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import { makeToken } from "../../../src/tokens/make-token.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterEach(() => admins.db.delete(adminTokens));
afterAll(() => admins.close());

const CREATE = `mutation ($input: CreateAdminTokenInput!) { createAdminToken(input: $input) {
  token adminToken { id name prefix scope status createdBy expiresAt lastUsedAt revokedAt } userErrors { field code message } } }`;
const REVOKE = `mutation ($id: ID!) { revokeAdminToken(input: { id: $id }) {
  adminToken { id status revokedAt } userErrors { field code } } }`;
const LIST = "query ($filter: AdminTokenFilter) { adminTokens(filter: $filter) { nodes { name } totalCount } }";

const create = async (input: object, token?: string) => {
  const { body } = await admins.ask(CREATE, { variables: { input }, ...(token && { token }) });
  if (body.errors) throw new Error(JSON.stringify(body.errors));
  return body.data.createAdminToken;
};
const statusOf = async (token: string) => (await admins.ask("{ viewer { name } }", { token })).status;

test("a new token is valid at once, has its name, and is a viewer by default", async () => {
  const { token, adminToken, userErrors } = await create({ name: "  dashboard " });

  const { body } = await admins.ask("{ viewer { name scope token { id prefix } } }", { token });

  expect(token).toMatch(/^ch_[a-z]{6}_[\w-]{43}$/);
  expect(userErrors).toEqual([]);
  expect(adminToken).toEqual({
    id: expect.any(String),
    name: "dashboard",
    prefix: token.slice(0, 9),
    scope: "VIEWER",
    status: "VALID",
    createdBy: "ADMIN_TOKEN",
    expiresAt: null,
    lastUsedAt: null,
    revokedAt: null,
  });
  expect(body.data.viewer).toEqual({
    name: "dashboard",
    scope: "VIEWER",
    token: { id: adminToken.id, prefix: adminToken.prefix },
  });
});

test("only the hash of a new token is stored; its log line has the creator, but not the token", async () => {
  const first = await create({ name: "ops", scope: "ADMIN" });
  admins.infos.length = 0;

  const { token } = await create({ name: "till", expiresAt: "2999-01-01T00:00:00Z" }, first.token);

  const [row] = await admins.db.select().from(adminTokens).where(eq(adminTokens.name, "till"));
  expect(row).toMatchObject({ tokenHash: hashToken(token), createdBy: "ops", scope: "viewer" });
  expect(JSON.stringify(row)).not.toContain(token.slice(10));
  expect(admins.infos).toEqual([
    [
      {
        adminTokenId: row?.id,
        name: "till",
        prefix: row?.prefix,
        scope: "viewer",
        expiresAt: new Date("2999-01-01T00:00:00Z"),
        by: "ops",
      },
      "admin token created",
    ],
  ]);
});

test("256 bits of a token are secret, besides the prefix that is shown", () => {
  const tokens = Array.from({ length: 1_000 }, makeToken);

  expect(new Set(tokens.map(({ token }) => token)).size).toBe(1_000);
  for (const { token, prefix } of tokens) {
    expect(token.startsWith(`${prefix}_`)).toBe(true);
    expect(Buffer.from(token.slice(prefix.length + 1), "base64url")).toHaveLength(32);
  }
});

test.each([
  ["no name", { name: " " }, "name", "BLANK"],
  ["a name of 101 characters", { name: "n".repeat(101) }, "name", "TOO_LONG"],
  ["a name with U+0000", { name: "a\0b" }, "name", "UNPRINTABLE"],
  ["a name with a lone surrogate", { name: "a\ud800" }, "name", "UNPRINTABLE"],
  ["a time in the past", { name: "n", expiresAt: "2026-01-01T00:00:00Z" }, "expiresAt", "IN_THE_PAST"],
])("%s creates no token, and the payload says what is wrong", async (_, input, field, code) => {
  const { token, adminToken, userErrors } = await create(input);

  expect([token, adminToken]).toEqual([null, null]);
  expect(userErrors).toEqual([{ field: ["input", field], code, message: expect.any(String) }]);
  expect(await admins.db.$count(adminTokens)).toBe(0);
});

test("concurrent requests cannot exceed the limit of valid tokens; revoking one frees its place", async () => {
  for (let index = 0; index < MAX_VALID_TOKENS - 1; index++) await insertToken({ name: `n${index}` });

  const both = await Promise.all([create({ name: "a" }), create({ name: "b" })]);
  const { id } = both.find(({ adminToken }) => adminToken).adminToken;
  await admins.query(REVOKE, { id });
  const after = await create({ name: "c" });

  const refused = both.find(({ adminToken }) => adminToken === null);
  expect(refused.userErrors).toEqual([{ field: ["input"], code: "LIMIT_REACHED", message: expect.any(String) }]);
  expect(after.userErrors).toEqual([]);
});

test("a revoked token is refused from the next request on; revoking it again changes and logs nothing", async () => {
  const { token, adminToken } = await create({ name: "lost" });
  admins.infos.length = 0;

  const first = await admins.query(REVOKE, { id: adminToken.id });
  const second = await admins.query(REVOKE, { id: adminToken.id });

  expect(first.revokeAdminToken).toEqual({
    adminToken: { id: adminToken.id, status: "REVOKED", revokedAt: expect.any(String) },
    userErrors: [],
  });
  expect(second).toEqual(first);
  expect(await statusOf(token)).toBe(401);
  expect(admins.infos).toEqual([[expect.objectContaining({ name: "lost", by: "ADMIN_TOKEN" }), "admin token revoked"]]);
});

test("a token can revoke itself: this request is answered, the next one is refused", async () => {
  const { token, adminToken } = await create({ name: "ops", scope: "ADMIN" });

  const { body } = await admins.ask(REVOKE, { token, variables: { id: adminToken.id } });

  expect(body.data.revokeAdminToken.adminToken.status).toBe("REVOKED");
  expect(await statusOf(token)).toBe(401);
});

test("revoking an unknown token returns a user error; an id of another type is refused", async () => {
  const nobody = encodeGlobalId("AdminToken", "01990000-0000-7000-8000-000000000000");
  const thread = encodeGlobalId("Thread", "01990000-0000-7000-8000-000000000000");

  const { revokeAdminToken } = await admins.query(REVOKE, { id: nobody });

  expect(revokeAdminToken).toEqual({ adminToken: null, userErrors: [{ field: ["input", "id"], code: "NOT_FOUND" }] });
  expect(await admins.refusal(REVOKE, { id: thread })).toEqual(["BAD_USER_INPUT"]);
});

test("the list has all tokens with their status, newest first, with filters by status and scope", async () => {
  const past = new Date(Date.now() - 60_000);
  await insertToken({ name: "valid" });
  await insertToken({ name: "expired", expiresAt: past });
  await insertToken({ name: "revoked", expiresAt: past, revokedAt: past, scope: "viewer" });

  const list = async (filter: object) =>
    (await admins.query(LIST, { filter })).adminTokens.nodes.map(({ name }: { name: string }) => name);
  const { adminTokens: all } = await admins.query("{ adminTokens { nodes { name status } } }");

  expect(all.nodes).toEqual([
    { name: "revoked", status: "REVOKED" },
    { name: "expired", status: "EXPIRED" },
    { name: "valid", status: "VALID" },
  ]);
  expect(await list({ status: ["VALID"] })).toEqual(["valid"]);
  expect(await list({ status: ["EXPIRED", "REVOKED"] })).toEqual(["revoked", "expired"]);
  expect(await list({ status: [] })).toEqual([]);
  expect(await list({ scope: "VIEWER" })).toEqual(["revoked"]);
});

test("a viewer sees its own token only, and not whether others exist", async () => {
  const own = await insertToken({ name: "own", scope: "viewer" });
  const other = await insertToken({ name: "other" });
  const ids = [own.id, other.id, encodeGlobalId("AdminToken", "01990000-0000-7000-8000-000000000000")];
  const query = "query ($id: ID!) { node(id: $id) { ... on AdminToken { name } } }";

  const answers = await Promise.all(ids.map((id) => admins.ask(query, { token: own.token, variables: { id } })));
  const list = await admins.ask("{ adminTokens { totalCount } }", { token: own.token });

  expect(answers[0]?.body.data.node).toEqual({ name: "own" });
  for (const { body } of [...answers.slice(1), list]) {
    expect(body.errors?.map((error) => error.extensions.code)).toEqual(["FORBIDDEN"]);
  }
});

test("a token of the older format stays valid", async () => {
  const token = `ch_${"aB3_-".repeat(8)}xyz`;
  const facts = { name: "old", scope: "viewer", sandbox: false, expiresAt: null } as const;
  await createAdminToken(admins.db, { ...facts, tokenHash: hashToken(token) });

  const { body } = await admins.ask("{ viewer { name token { prefix createdBy status } } }", { token });

  expect(body.data.viewer).toEqual({ name: "old", token: { prefix: null, createdBy: null, status: "VALID" } });
});

/** Creation times increase with each call, so the order of the list is the order of the calls. */
async function insertToken(values: Partial<typeof adminTokens.$inferInsert> & { name: string }) {
  const { token, prefix } = makeToken();
  const [row] = await admins.db
    .insert(adminTokens)
    .values({ tokenHash: hashToken(token), prefix, ...values })
    .returning();
  return { token, id: encodeGlobalId("AdminToken", row?.id ?? "") };
}
