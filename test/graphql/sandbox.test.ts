/** Two admin APIs, sandbox and production, on one database: each shows its own staff, invites and tokens. */
import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MAX_VALID_TOKENS } from "../../src/db/queries/admin/tokens.ts";
import { saveStaffMember } from "../../src/db/queries/chat/staff.ts";
import { adminTokens, staff } from "../../src/db/schema/index.ts";
import { decodeGlobalId } from "../../src/graphql/lists/ids.ts";
import { LARGEST_TELEGRAM_ID } from "../../src/shop/telegram-ids.ts";
import { type Environments, startEnvironments } from "./environments.ts";

let environments: Environments;
beforeAll(async () => {
  environments = await startEnvironments();
});
afterAll(() => environments.close());

const LISTS = `{
  staff { totalCount nodes { name } }
  invites { totalCount nodes { createdBy { name } } }
  adminTokens { totalCount nodes { name } }
}`;

test("the lists of staff, invites and tokens show the API's own environment only", async () => {
  for (const [{ api, name }] of environments.each) {
    const one = (row: object) => ({ totalCount: 1, nodes: [row] });
    expect(await api.query(LISTS)).toEqual({
      staff: one({ name }),
      invites: one({ createdBy: { name } }),
      adminTokens: one({ name }),
    });
  }
});

test("a token is valid in its own environment only; the configured token is valid in both", async () => {
  for (const [own, other] of environments.each) {
    const asked = await Promise.all(
      [own.token, other.token].map((token) => own.api.ask("{ viewer { name token { name } } }", { token })),
    );

    expect(asked.map(({ status }) => status)).toEqual([200, 401]);
    expect(asked[0]?.body.data.viewer).toEqual({ name: own.name, token: { name: own.name } });
    expect((await own.api.ask("{ viewer { name } }")).status).toBe(200);
  }
});

const NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";

test("an invite, token or staff member of the other environment is not found by id, and its tokens cannot be revoked", async () => {
  const NODE = "query ($id: ID!) { node(id: $id) { id } }";
  const REVOKE =
    "mutation ($id: ID!) { revokeAdminToken(input: { id: $id }) { adminToken { id } userErrors { code } } }";
  for (const [{ api, ids }, other] of environments.each) {
    const both = [...Object.values(ids), ...Object.values(other.ids)];
    const found = [...Object.values(ids).map((id) => ({ id })), null, null, null];
    expect(await api.query(NODES, { ids: both })).toEqual({ nodes: found });
    expect(await api.query(NODE, { id: other.ids.member })).toEqual({ node: null });
    expect(await api.query(REVOKE, { id: other.ids.token })).toEqual({
      revokeAdminToken: { adminToken: null, userErrors: [{ code: "NOT_FOUND" }] },
    });
  }
});

test("an inviter from the other environment is not shown", async () => {
  const { db } = environments.real.api;
  const INVITED = '{ staff(filter: { text: "guest" }) { nodes { name invitedBy { name } } } }';
  for (const [{ api, ids }, other] of environments.each) {
    const { id } = decodeGlobalId(other.ids.member);
    const telegramUserId = ids === environments.sandbox.ids ? LARGEST_TELEGRAM_ID + 50 : 50;
    const guest = await saveStaffMember(db, {
      telegramUserId,
      name: "Guest",
      username: null,
      role: "staff",
      invitedBy: id,
    });

    expect(await api.query(INVITED)).toEqual({ staff: { nodes: [{ name: "Guest", invitedBy: null }] } });
    await db.delete(staff).where(eq(staff.id, guest.id));
  }
});

test("the tokens of one environment do not count towards the limit of the other", async () => {
  const { db } = environments.real.api;
  const rows = Array.from({ length: MAX_VALID_TOKENS }, () => ({
    name: "many",
    tokenHash: randomBytes(32),
    sandbox: true,
  }));
  await db.insert(adminTokens).values(rows);
  const CREATE = 'mutation { createAdminToken(input: { name: "new" }) { adminToken { name } userErrors { code } } }';

  expect(await environments.sandbox.api.query(CREATE)).toMatchObject({
    createAdminToken: { adminToken: null, userErrors: [{ code: "LIMIT_REACHED" }] },
  });
  expect(await environments.real.api.query(CREATE)).toMatchObject({
    createAdminToken: { adminToken: { name: "new" } },
  });
});
