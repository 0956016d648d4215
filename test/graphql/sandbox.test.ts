/** The admins' API of the sandbox and that of a real bot on one database: each sees its own people, invites and tokens. */
import { randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAdminToken, MAX_VALID_TOKENS } from "../../src/db/queries/admin-tokens.ts";
import { adminTokens, invites } from "../../src/db/schema/index.ts";
import { hashToken } from "../../src/graphql/auth.ts";
import { encodeGlobalId } from "../../src/graphql/ids.ts";
import { insertMessages, insertStaffMember, insertThread } from "../support/conversations.ts";
import { type AdminClient, startAdminApi } from "./admin-client.ts";

/** What each side has of everything. */
interface Side {
  api: AdminClient;
  name: string;
  token: string;
  ids: { invite: string; token: string; member: string };
}

let real: Side;
let sandbox: Side;

beforeAll(async () => {
  const api = await startAdminApi();
  const ofSandbox = await startAdminApi({ shared: api.testDatabase, house: { sandbox: true } });
  real = await fill(api, { name: "real", sandbox: false });
  sandbox = await fill(ofSandbox, { name: "sandbox", sandbox: true });
});
afterAll(async () => {
  await sandbox.api.close();
  await real.api.close();
});

async function fill(api: AdminClient, side: { name: string; sandbox: boolean }): Promise<Side> {
  const { db } = api;
  const { name } = side;
  const person = { name, username: "lan", role: "owner" as const };
  const member = await insertStaffMember(db, { ...person, ...(side.sandbox && { telegramUserId: 2 ** 52 + 1 }) });
  const expiresAt = sql`now() + interval '1 hour'`;
  const [invite] = await db
    .insert(invites)
    .values({ codeHash: randomBytes(32), role: "staff", createdBy: member.id, expiresAt })
    .returning();
  const token = `a-token-of-the-${name}-${randomBytes(16).toString("hex")}`;
  const facts = { ...side, scope: "admin", expiresAt: null } as const;
  const tokenId = await createAdminToken(db, { ...facts, tokenHash: hashToken(token) });
  const thread = await insertThread(db, { title: name });
  await insertMessages(db, thread.id, [{ authorId: member.id }]);
  const ids = {
    invite: encodeGlobalId("Invite", invite?.id ?? ""),
    token: encodeGlobalId("AdminToken", tokenId),
    member: encodeGlobalId("StaffMember", member.id),
  };
  return { api, name, token, ids };
}

const LISTS = `{
  staff { totalCount nodes { name } }
  invites { totalCount nodes { createdBy { name } } }
  adminTokens { totalCount nodes { name } }
}`;

/** One side, and the other beside it. */
const sides = () =>
  [
    [real, sandbox],
    [sandbox, real],
  ] as const;

test("the lists of people, invites and tokens have those of the own side only", async () => {
  for (const [{ api, name }] of sides()) {
    const one = (row: object) => ({ totalCount: 1, nodes: [row] });
    expect(await api.query(LISTS)).toEqual({
      staff: one({ name }),
      invites: one({ createdBy: { name } }),
      adminTokens: one({ name }),
    });
  }
});

test("a token opens the API of its own side only; the configured one opens both", async () => {
  for (const [own, other] of sides()) {
    const asked = await Promise.all(
      [own.token, other.token].map((token) => own.api.ask("{ viewer { name token { name } } }", { token })),
    );

    expect(asked.map(({ status }) => status)).toEqual([200, 401]);
    expect(asked[0]?.body.data.viewer).toEqual({ name: own.name, token: { name: own.name } });
    expect((await own.api.ask("{ viewer { name } }")).status).toBe(200);
  }
});

test("an invite or a token of the other side is not found by its id, and not revoked; an author still is", async () => {
  const NODE = "query ($id: ID!) { node(id: $id) { id } }";
  const REVOKE =
    "mutation ($id: ID!) { revokeAdminToken(input: { id: $id }) { adminToken { id } userErrors { code } } }";
  for (const [{ api }, other] of sides()) {
    expect(await api.query(NODE, { id: other.ids.invite })).toEqual({ node: null });
    expect(await api.query(NODE, { id: other.ids.token })).toEqual({ node: null });
    expect(await api.query(REVOKE, { id: other.ids.token })).toEqual({
      revokeAdminToken: { adminToken: null, userErrors: [{ code: "NOT_FOUND" }] },
    });
    expect(await api.query(NODE, { id: other.ids.member })).toEqual({ node: { id: other.ids.member } });
    expect(await api.query('{ messages(filter: { text: "hello" }) { nodes { author { name } } } }')).toEqual({
      messages: { nodes: [{ author: { name: "sandbox" } }, { author: { name: "real" } }] },
    });
  }
});

test("the tokens of one side do not count towards the other's limit", async () => {
  const { db } = real.api;
  const rows = Array.from({ length: MAX_VALID_TOKENS }, () => ({
    name: "many",
    tokenHash: randomBytes(32),
    sandbox: true,
  }));
  await db.insert(adminTokens).values(rows);
  const CREATE = 'mutation { createAdminToken(input: { name: "new" }) { adminToken { name } userErrors { code } } }';

  expect(await sandbox.api.query(CREATE)).toMatchObject({
    createAdminToken: { adminToken: null, userErrors: [{ code: "LIMIT_REACHED" }] },
  });
  expect(await real.api.query(CREATE)).toMatchObject({ createAdminToken: { adminToken: { name: "new" } } });
});
