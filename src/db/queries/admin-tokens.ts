/** Admin tokens: what lets a program read the admins' API. Of a token only its SHA-256 is known here. */
import { and, eq, gt, isNotNull, isNull, lt, lte, or, type SQL, sql } from "drizzle-orm";
import type { Db } from "../client.ts";
import { adminTokens } from "../schema/index.ts";
import { uuidArray } from "../uuid-array.ts";
import type { Listing } from "./admin-paging.ts";

export type AdminTokenRow = typeof adminTokens.$inferSelect;
export type AdminTokenStatus = "valid" | "expired" | "revoked";

export type NewAdminToken = {
  readonly name: string;
  readonly scope: AdminTokenRow["scope"];
  readonly tokenHash: Buffer;
  /** Null for a token that does not expire. */
  readonly expiresAt: Date | null;
  /** Its first letters, to recognise it by; left out for one that has none. */
  readonly prefix?: string;
  /** The name of whoever made it; left out where a command did. */
  readonly createdBy?: string;
};

/** All that are given must hold. */
export type AdminTokenFilter = {
  /** One of these; an empty list finds nothing. */
  readonly status?: readonly AdminTokenStatus[] | null | undefined;
  readonly scope?: AdminTokenRow["scope"] | null | undefined;
};

/** How many tokens may be valid at once: more than anybody can keep track of. */
export const MAX_VALID_TOKENS = 100;

const isNotExpired = or(isNull(adminTokens.expiresAt), gt(adminTokens.expiresAt, sql`now()`));
const isValid = and(isNull(adminTokens.revokedAt), isNotExpired);

/** The token with this SHA-256, unless it is revoked or has expired by the database's clock. */
export async function findAdminToken(db: Db, tokenHash: Buffer) {
  const [token] = await db
    .select({
      id: adminTokens.id,
      name: adminTokens.name,
      scope: adminTokens.scope,
      /** Whether its last use was never noted, or more than a minute ago. */
      isUseStale: sql<boolean>`coalesce(${adminTokens.lastUsedAt} < now() - interval '1 minute', true)`,
    })
    .from(adminTokens)
    .where(and(eq(adminTokens.tokenHash, tokenHash), isValid));
  return token;
}

/** Those of these tokens that are valid now. */
export async function findValidTokenIds(db: Db, ids: readonly string[]): Promise<string[]> {
  const isMeant = sql`${adminTokens.id} = any(${uuidArray(ids)})`;
  const rows = await db.select({ id: adminTokens.id }).from(adminTokens).where(and(isMeant, isValid));
  return rows.map(({ id }) => id);
}

/** Notes that the token was used, at most once a minute whatever the number of processes. */
export async function touchAdminToken(db: Db, id: string): Promise<void> {
  await db
    .update(adminTokens)
    .set({ lastUsedAt: sql`now()` })
    .where(
      and(
        eq(adminTokens.id, id),
        or(isNull(adminTokens.lastUsedAt), lt(adminTokens.lastUsedAt, sql`now() - interval '1 minute'`)),
      ),
    );
}

/** Stores a new token and gives back its id. */
export async function createAdminToken(db: Db, token: NewAdminToken): Promise<string> {
  const [row] = await db.insert(adminTokens).values(token).returning({ id: adminTokens.id });
  if (!row) throw new Error("insert of an admin token returned no row");
  return row.id;
}

/** Stores a new token unless `MAX_VALID_TOKENS` are valid, whoever else makes one at the same moment. Null: it did not. */
export function createAdminTokenWithinLimit(db: Db, token: NewAdminToken): Promise<AdminTokenRow | null> {
  return db.transaction(async (tx) => {
    // Keeps out other writers, not those who only read, until the commit.
    await tx.execute(sql`lock table ${adminTokens} in share row exclusive mode`);
    const valid = await tx.$count(adminTokens, isValid);
    if (valid >= MAX_VALID_TOKENS) return null;
    const [row] = await tx.insert(adminTokens).values(token).returning();
    return row ?? null;
  });
}

/** Revokes a token for good; what was revoked before keeps its time. Null where there is none with this id. */
export async function revokeAdminToken(db: Db, id: string): Promise<{ row: AdminTokenRow; isNews: boolean } | null> {
  const [revoked] = await db
    .update(adminTokens)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(adminTokens.id, id), isNull(adminTokens.revokedAt)))
    .returning();
  if (revoked) return { row: revoked, isNews: true };
  const [row] = await findAdminTokens(db, [id]);
  return row ? { row, isNews: false } : null;
}

/** All tokens, the revoked and the expired among them, by when they were made. */
export function listAdminTokens(filter: AdminTokenFilter): Listing<AdminTokenRow> {
  return {
    name: "adminTokens.createdAt",
    table: adminTokens,
    filter,
    where: whereAdminToken(filter),
    key: [
      { column: adminTokens.createdAt, kind: "instant" },
      { column: adminTokens.id, kind: "uuid" },
    ],
  };
}

/** The tokens with these ids, in no order; one that does not exist is left out. */
export function findAdminTokens(db: Db, ids: readonly string[]): Promise<AdminTokenRow[]> {
  return db
    .select()
    .from(adminTokens)
    .where(sql`${adminTokens.id} = any(${uuidArray(ids)})`);
}

function whereAdminToken(filter: AdminTokenFilter): SQL | undefined {
  return and(
    filter.scope ? eq(adminTokens.scope, filter.scope) : undefined,
    filter.status ? inStatus(filter.status) : undefined,
  );
}

function inStatus(statuses: readonly AdminTokenStatus[]): SQL | undefined {
  const conditions: Record<AdminTokenStatus, SQL | undefined> = {
    valid: isValid,
    expired: and(isNull(adminTokens.revokedAt), lte(adminTokens.expiresAt, sql`now()`)),
    revoked: isNotNull(adminTokens.revokedAt),
  };
  return or(sql`false`, ...statuses.map((status) => conditions[status]));
}
