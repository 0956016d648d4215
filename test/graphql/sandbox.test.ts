/** The admins' API of the sandbox and that of a real bot on one database: each sees its own people, invites and tokens. */
import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MAX_VALID_TOKENS } from "../../src/db/queries/admin/tokens.ts";
import { saveStaffMember } from "../../src/db/queries/chat/staff.ts";
import { adminTokens, staff } from "../../src/db/schema/index.ts";
import { decodeGlobalId } from "../../src/graphql/lists/ids.ts";
import { LARGEST_TELEGRAM_ID } from "../../src/shop/telegram-ids.ts";
import { type Sides, startSides } from "./environments.ts";

let sides: Sides;
beforeAll(async () => {
  sides = await startSides();
});
afterAll(() => sides.close());

const LISTS = `{
  staff { totalCount nodes { name } }
  invites { totalCount nodes { createdBy { name } } }
  adminTokens { totalCount nodes { name } }
}`;

test("the lists of people, invites and tokens have those of the own side only", async () => {
  for (const [{ api, name }] of sides.each) {
    const one = (row: object) => ({ totalCount: 1, nodes: [row] });
    expect(await api.query(LISTS)).toEqual({
      staff: one({ name }),
      invites: one({ createdBy: { name } }),
      adminTokens: one({ name }),
    });
  }
});

test("a token opens the API of its own side only; the configured one opens both", async () => {
  for (const [own, other] of sides.each) {
    const asked = await Promise.all(
      [own.token, other.token].map((token) => own.api.ask("{ viewer { name token { name } } }", { token })),
    );

    expect(asked.map(({ status }) => status)).toEqual([200, 401]);
    expect(asked[0]?.body.data.viewer).toEqual({ name: own.name, token: { name: own.name } });
    expect((await own.api.ask("{ viewer { name } }")).status).toBe(200);
  }
});

const NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";

test("an invite, a token or a person of the other side is not found by its id, and no token of it revoked", async () => {
  const NODE = "query ($id: ID!) { node(id: $id) { id } }";
  const REVOKE =
    "mutation ($id: ID!) { revokeAdminToken(input: { id: $id }) { adminToken { id } userErrors { code } } }";
  for (const [{ api, ids }, other] of sides.each) {
    const both = [...Object.values(ids), ...Object.values(other.ids)];
    const found = [...Object.values(ids).map((id) => ({ id })), null, null, null];
    expect(await api.query(NODES, { ids: both })).toEqual({ nodes: found });
    expect(await api.query(NODE, { id: other.ids.member })).toEqual({ node: null });
    expect(await api.query(REVOKE, { id: other.ids.token })).toEqual({
      revokeAdminToken: { adminToken: null, userErrors: [{ code: "NOT_FOUND" }] },
    });
  }
});

test("somebody whom a person of the other side invited shows no inviter", async () => {
  const { db } = sides.real.api;
  const INVITED = '{ staff(filter: { text: "guest" }) { nodes { name invitedBy { name } } } }';
  for (const [{ api, ids }, other] of sides.each) {
    const { id } = decodeGlobalId(other.ids.member);
    const telegramUserId = ids === sides.sandbox.ids ? LARGEST_TELEGRAM_ID + 50 : 50;
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

test("the tokens of one side do not count towards the other's limit", async () => {
  const { db } = sides.real.api;
  const rows = Array.from({ length: MAX_VALID_TOKENS }, () => ({
    name: "many",
    tokenHash: randomBytes(32),
    sandbox: true,
  }));
  await db.insert(adminTokens).values(rows);
  const CREATE = 'mutation { createAdminToken(input: { name: "new" }) { adminToken { name } userErrors { code } } }';

  expect(await sides.sandbox.api.query(CREATE)).toMatchObject({
    createAdminToken: { adminToken: null, userErrors: [{ code: "LIMIT_REACHED" }] },
  });
  expect(await sides.real.api.query(CREATE)).toMatchObject({ createAdminToken: { adminToken: { name: "new" } } });
});
