import { randomBytes } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createAdminToken, findAdminTokens } from "../../../../src/db/queries/admin/tokens.ts";
import {
  createFirstOwnerInvite,
  createInvite,
  redeemInvite,
  withdrawFirstOwnerInvites,
} from "../../../../src/db/queries/chat/invites.ts";
import { findStaffMember, removeStaffMember, saveStaffMember } from "../../../../src/db/queries/chat/staff.ts";
import { invites, staff } from "../../../../src/db/schema/index.ts";
import { createTestDatabase, holdLocks, type TestDatabase } from "../../../support/database.ts";

const OWNER = { telegramUserId: 7_001, name: "Lan", username: null, role: "owner" } as const;
const SANDBOX_OWNER = { ...OWNER, telegramUserId: 2 ** 52 + 1 };
const HOUR_MS = 3_600_000;
let store: TestDatabase;

beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(async () => {
  vi.useRealTimers();
  await store.close();
});

function person(number: number) {
  return { telegramUserId: 8_000 + number, name: `Person ${number}`, username: null };
}

const codeHash = () => randomBytes(32);
const countOwners = () => store.db.$count(staff, eq(staff.role, "owner"));

test("when three people open three links for the first owner at once, one becomes owner", async () => {
  // As starts of an earlier version left them.
  const hashes = [codeHash(), codeHash(), codeHash()];
  const expiresAt = sql`now() + interval '1 day'`;
  await store.db.insert(invites).values(hashes.map((hash) => ({ codeHash: hash, role: "owner" as const, expiresAt })));

  const joinAll = await holdJoining();
  const opening = hashes.map((hash, number) => redeemInvite(store.db, hash, person(number)));
  await expect.poll(countWaiting).toBe(3);
  await joinAll();

  const outcomes = await Promise.all(opening);
  expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(["expired", "expired", "joined"]);
  expect(await countOwners()).toBe(1);
});

test("a link for the first owner that waited while a newer one was made is no longer valid", async () => {
  const [early, newest] = [codeHash(), codeHash()];
  await createFirstOwnerInvite(store.db, { codeHash: early, hours: 24 });
  const release = await holdLocks(store.db, (tx) => createFirstOwnerInvite(tx, { codeHash: newest, hours: 24 }));

  const opening = redeemInvite(store.db, early, person(1));
  await expect.poll(countWaiting).toBe(1);
  await release();

  expect(await opening).toEqual({ outcome: "expired" });
  expect(await redeemInvite(store.db, newest, person(2))).toMatchObject({ outcome: "joined" });
});

test("when several processes make links for the first owner at once, one stays valid", async () => {
  const hashes = [codeHash(), codeHash(), codeHash(), codeHash()];
  await Promise.all(hashes.map((hash) => createFirstOwnerInvite(store.db, { codeHash: hash, hours: 24 })));

  expect(await store.db.$count(invites, sql`${invites.expiresAt} > now()`)).toBe(1);
});

test("a withdrawn link for the first owner is valid for nobody", async () => {
  const hash = codeHash();
  await createFirstOwnerInvite(store.db, { codeHash: hash, hours: 24 });
  await withdrawFirstOwnerInvites(store.db);

  expect(await redeemInvite(store.db, hash, person(1))).toEqual({ outcome: "expired" });
});

test("a person who opens two invites at once gets the higher role", async () => {
  const { id } = await saveStaffMember(store.db, OWNER);
  const [low, high] = [codeHash(), codeHash()];
  await createInvite(store.db, { codeHash: low, role: "staff", createdBy: id, hours: 1 });
  await createInvite(store.db, { codeHash: high, role: "manager", createdBy: id, hours: 1 });

  const joinAll = await holdJoining();
  const first = redeemInvite(store.db, high, person(1));
  await expect.poll(countWaiting).toBe(1);
  const second = redeemInvite(store.db, low, person(1));
  await expect.poll(countWaiting).toBe(2);
  await joinAll();
  await Promise.all([first, second]);

  expect(await findStaffMember(store.db, person(1).telegramUserId)).toMatchObject({ role: "manager" });
});

test("an invite whose maker is removed at that moment lets nobody in", async () => {
  const { id } = await saveStaffMember(store.db, OWNER);
  const hash = codeHash();
  await createInvite(store.db, { codeHash: hash, role: "owner", createdBy: id, hours: 1 });
  const release = await holdLocks(store.db, (tx) => removeStaffMember(tx, OWNER.telegramUserId));

  const opening = redeemInvite(store.db, hash, person(1));
  await expect.poll(countWaiting).toBe(1);
  await release();

  expect(await opening).toEqual({ outcome: "expired" });
  expect(await countOwners()).toBe(1);
});

test("an invite from the sandbox is unknown to real people, and vice versa", async () => {
  const [real, ofSandbox, first] = [codeHash(), codeHash(), codeHash()];
  const { id: owner } = await saveStaffMember(store.db, OWNER);
  const { id: sandboxOwner } = await saveStaffMember(store.db, SANDBOX_OWNER);
  await createInvite(store.db, { codeHash: real, role: "owner", createdBy: owner, hours: 1 });
  await createInvite(store.db, { codeHash: ofSandbox, role: "owner", createdBy: sandboxOwner, hours: 1 });
  await createFirstOwnerInvite(store.db, { codeHash: first, hours: 1 });
  const stranger = { ...person(1), telegramUserId: 2 ** 52 + 3 };

  expect(await redeemInvite(store.db, ofSandbox, person(1))).toEqual({ outcome: "unknown" });
  expect(await redeemInvite(store.db, real, stranger)).toEqual({ outcome: "unknown" });
  expect(await redeemInvite(store.db, first, stranger)).toEqual({ outcome: "unknown" });
  expect(await redeemInvite(store.db, ofSandbox, stranger)).toMatchObject({ outcome: "joined" });
});

test.each([
  ["behind", -25 * HOUR_MS],
  ["ahead of", 25 * HOUR_MS],
])("invites and tokens end by the database's clock, also where this machine's is a day %s it", async (_, apartMs) => {
  const { id } = await saveStaffMember(store.db, OWNER);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + apartMs });
  await createInvite(store.db, { codeHash: codeHash(), role: "staff", createdBy: id, hours: 24 });
  await createFirstOwnerInvite(store.db, { codeHash: codeHash(), hours: 24 });
  const facts = { name: "dashboard", scope: "viewer", sandbox: false, expiresAt: { days: 90 } } as const;
  const token = await createAdminToken(store.db, { ...facts, tokenHash: codeHash() });

  const left = sql<string>`round(extract(epoch from ${invites.expiresAt} - ${invites.createdAt}) / 3600)`;
  expect(await store.db.select({ left }).from(invites)).toEqual([{ left: "24" }, { left: "24" }]);
  const [kept] = await findAdminTokens(store.db, [token], false);
  expect((Number(kept?.expiresAt) - Number(kept?.createdAt)) / HOUR_MS).toBe(90 * 24);
  expect(kept?.status).toBe("valid");
});

/** Blocks new staff members until the returned function is called; existing ones can be read. */
function holdJoining() {
  return holdLocks(store.db, (tx) => tx.execute(sql`lock table staff in share mode`));
}

/** How many sessions of this database wait for a lock. */
async function countWaiting(): Promise<number> {
  const [row] = await store.db.execute<{ waiting: number }>(
    sql`select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return row?.waiting ?? 0;
}
