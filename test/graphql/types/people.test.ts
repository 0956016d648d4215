import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { imports, invites } from "../../../src/db/schema/index.ts";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import { insertMessages, insertStaffMember, insertThread } from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
let ids: Record<"anh" | "open" | "sales", string>;

beforeAll(async () => {
  admins = await startAdminApi();
  const { db } = admins;
  const at = (day: number) => new Date(`2026-11-0${day}T00:00:00Z`);
  const anh = await insertStaffMember(db, { name: "Ánh Đào", username: "anh_dao", role: "owner", createdAt: at(1) });
  const bao = await insertStaffMember(db, { name: "bảo", createdAt: at(2), invitedBy: anh.id });
  await insertStaffMember(db, { name: "Ăn Ba", username: "Zed", createdAt: at(3), invitedBy: anh.id });
  const thread = await insertThread(db);
  await insertMessages(db, thread.id, [
    { authorId: bao.id, createdAt: new Date("2026-11-05T00:00:00Z") },
    { authorId: null },
    { authorId: bao.id, createdAt: new Date("2026-11-04T00:00:00Z") },
  ]);
  const codeHash = () => randomBytes(32);
  const [open] = await db
    .insert(invites)
    .values([
      {
        codeHash: codeHash(),
        role: "staff",
        createdBy: anh.id,
        createdAt: at(3),
        expiresAt: new Date("2999-01-01T00:00:00Z"),
      },
      {
        codeHash: codeHash(),
        role: "manager",
        createdBy: anh.id,
        createdAt: at(2),
        expiresAt: at(3),
        usedAt: at(2),
        usedBy: bao.id,
      },
      { codeHash: codeHash(), role: "owner", createdAt: at(1), expiresAt: at(2) },
    ])
    .returning();
  const file = { fileHash: "ab".repeat(32), importedBy: "linh", rowCount: 3 };
  const [sales] = await db
    .insert(imports)
    .values([
      {
        ...file,
        kind: "sales",
        fileName: "sales_nov.csv",
        changedCount: 2,
        startedAt: new Date("2026-11-03T00:00:00Z"),
        completedAt: new Date("2026-11-03T00:00:01.500Z"),
        dataThrough: new Date("2026-11-02T15:00:00Z"),
        receiptNumbers: "daily",
      },
      {
        ...file,
        kind: "products",
        fileName: "Products.csv",
        changedCount: 0,
        startedAt: new Date("2026-11-01T00:00:00Z"),
        completedAt: new Date("2026-11-01T00:00:00Z"),
      },
    ])
    .returning();
  ids = {
    anh: encodeGlobalId("StaffMember", anh.id),
    open: encodeGlobalId("Invite", open?.id ?? ""),
    sales: encodeGlobalId("Import", sales?.id ?? ""),
  };
});
afterAll(() => admins.close());

test("a staff member shows who invited them and how active they are", async () => {
  const { staff } = await admins.query("{ staff { nodes { name invitedBy { name } messageCount lastMessageAt } } }");

  expect(staff.nodes).toEqual([
    { name: "Ăn Ba", invitedBy: { name: "Ánh Đào" }, messageCount: 0, lastMessageAt: null },
    { name: "bảo", invitedBy: { name: "Ánh Đào" }, messageCount: 2, lastMessageAt: "2026-11-05T00:00:00.000Z" },
    { name: "Ánh Đào", invitedBy: null, messageCount: 0, lastMessageAt: null },
  ]);
});

test("staff members are ordered by name, ignoring case and accents, page by page", async () => {
  const query = `query ($after: String) { staff(first: 1, after: $after, orderBy: { field: NAME, direction: ASC }) {
    nodes { name } pageInfo { endCursor hasNextPage hasPreviousPage } } }`;
  const names: string[] = [];
  let after: string | null = null;
  do {
    const { staff } = await admins.query(query, { after });
    names.push(...staff.nodes.map((member: { name: string }) => member.name));
    expect(staff.pageInfo.hasPreviousPage).toBe(after !== null);
    after = staff.pageInfo.hasNextPage ? staff.pageInfo.endCursor : null;
  } while (after !== null);

  expect(names).toEqual(["Ăn Ba", "Ánh Đào", "bảo"]);
});

test.each([
  [{ text: "dao" }, ["Ánh Đào"]],
  [{ text: "ANH_DAO" }, ["Ánh Đào"]],
  [{ text: "zed ăn" }, ["Ăn Ba"]],
  [{ text: "ba" }, ["Ăn Ba"]],
  [{ text: "bao*" }, ["bảo"]],
  [{ created: { from: "2026-11-02T00:00:00Z", until: "2026-11-03T00:00:00Z" } }, ["bảo"]],
])("staff members are filtered: %j", async (filter, expected) => {
  const { staff } = await admins.query("query ($f: StaffFilter) { staff(filter: $f) { nodes { name } } }", {
    f: filter,
  });

  expect(staff.nodes.map((member: { name: string }) => member.name)).toEqual(expected);
});

test("a name cursor with an impossible name is refused", async () => {
  for (const hex of ["00", "ff", "abc", "41".repeat(2_001), "' or 1=1"]) {
    const cursor = Buffer.from(`staff.name ASC - ${hex} 01990000-0000-7000-8000-000000000000`).toString("base64url");
    const query = `{ staff(after: "${cursor}", orderBy: { field: NAME, direction: ASC }) { nodes { id } } }`;
    expect([hex, await admins.refusal(query)]).toEqual([hex, ["BAD_USER_INPUT"]]);
  }
  expect(admins.errors).toEqual([]);
});

test("an invite shows its creator, its user and its status, but never its code", async () => {
  const { invites: list, node } = await admins.query(
    `query ($id: ID!) { node(id: $id) { ... on Invite { status } }
      invites { totalCount nodes { role status createdBy { name } usedBy { name } usedAt expiresAt } } }`,
    { id: ids.open },
  );

  const createdBy = { name: "Ánh Đào" };
  expect(list).toEqual({
    totalCount: 3,
    nodes: [
      { role: "STAFF", status: "OPEN", createdBy, usedBy: null, usedAt: null, expiresAt: "2999-01-01T00:00:00.000Z" },
      {
        role: "MANAGER",
        status: "USED",
        createdBy,
        usedBy: { name: "bảo" },
        usedAt: "2026-11-02T00:00:00.000Z",
        expiresAt: "2026-11-03T00:00:00.000Z",
      },
      {
        role: "OWNER",
        status: "EXPIRED",
        createdBy: null,
        usedBy: null,
        usedAt: null,
        expiresAt: "2026-11-02T00:00:00.000Z",
      },
    ],
  });
  expect(node).toEqual({ status: "OPEN" });
  expect(admins.statements.join()).not.toContain("code_hash");
});

test.each([
  [() => ({ status: ["OPEN", "EXPIRED"] }), ["STAFF", "OWNER"]],
  [() => ({ status: [] }), []],
  [() => ({ role: "MANAGER" }), ["MANAGER"]],
  [() => ({ createdById: ids.anh }), ["STAFF", "MANAGER"]],
  [() => ({ created: { until: "2026-11-02T00:00:00Z" } }), ["OWNER"]],
])("invites are filtered: %#", async (filter, expected) => {
  const query = "query ($f: InviteFilter) { invites(filter: $f) { nodes { role } } }";

  const data = await admins.query(query, { f: filter() });

  expect(data.invites.nodes.map((invite: { role: string }) => invite.role)).toEqual(expected);
});

test("an import shows who imported what, and the period it covers", async () => {
  const { node } = await admins.query(
    `query ($id: ID!) { node(id: $id) { ... on Import {
      kind fileName fileHash importedBy rowCount changedCount startedAt completedAt durationMs dataThrough
      receiptNumbers } } }`,
    { id: ids.sales },
  );

  expect(node).toEqual({
    kind: "SALES",
    fileName: "sales_nov.csv",
    fileHash: "ab".repeat(32),
    importedBy: "linh",
    rowCount: 3,
    changedCount: 2,
    startedAt: "2026-11-03T00:00:00.000Z",
    completedAt: "2026-11-03T00:00:01.500Z",
    durationMs: 1500,
    dataThrough: "2026-11-02T15:00:00.000Z",
    receiptNumbers: "DAILY",
  });
});

test.each([
  [{ kind: "PRODUCTS" }, ["PRODUCTS"]],
  [{ changedOnly: true }, ["SALES"]],
  [{ changedOnly: false }, ["SALES", "PRODUCTS"]],
  [{ fileName: "s_N" }, ["SALES"]],
  [{ completed: { until: "2026-11-02T00:00:00Z" } }, ["PRODUCTS"]],
])("imports are filtered: %j", async (filter, expected) => {
  const { imports: list } = await admins.query("query ($f: ImportFilter) { imports(filter: $f) { nodes { kind } } }", {
    f: filter,
  });

  expect(list.nodes.map((found: { kind: string }) => found.kind)).toEqual(expected);
});
