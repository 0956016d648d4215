/**
 * Admin tokens, which give access to the admin API. Only the SHA-256 of a token is stored.
 *
 * A token belongs to the environment it was made in, sandbox or production. It is valid and visible there only.
 */
import { and, eq, getColumns, inArray, isNull, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { adminTokens } from "../../schema/index.ts";
import type { Listing } from "./paging.ts";

export type AdminTokenStatus = "valid" | "expired" | "revoked";
export type AdminTokenRow = Omit<typeof adminTokens.$inferSelect, "tokenHash"> & { readonly status: AdminTokenStatus };

export type NewAdminToken = {
  readonly name: string;
  readonly scope: AdminTokenRow["scope"];
  readonly tokenHash: Buffer;
  /** Whether it belongs to the sandbox. */
  readonly sandbox: boolean;
  /** Null for a token that does not expire. */
  readonly expiresAt: Date | Days | null;
  /** The first characters, to recognize the token; tokens of an older form have none. */
  readonly prefix?: string;
  /** The name of the admin who made it; absent if a command did. */
  readonly createdBy?: string;
};

/** This many days from now, by the clock of the database. */
export type Days = { readonly days: number };

/** All given conditions must hold. */
export type AdminTokenFilter = {
  /** One of these. An empty list matches nothing. */
  readonly status?: readonly AdminTokenStatus[] | null | undefined;
  readonly scope?: AdminTokenRow["scope"] | null | undefined;
};

/** Most valid tokens at a time: more than anybody can keep track of. */
export const MAX_VALID_TOKENS = 100;

/** By the clock of the database, which also decides whether a token is accepted. */
const STATUS = sql<AdminTokenStatus>`case when ${adminTokens.revokedAt} is not null then 'revoked'
  when ${adminTokens.expiresAt} <= now() then 'expired' else 'valid' end`;
const isValid = sql`${STATUS} = 'valid'`;

const { tokenHash: _tokenHash, ...PLAIN } = getColumns(adminTokens);
const COLUMNS = { ...PLAIN, status: STATUS.as("status") };

/** The valid token with this SHA-256 in this environment, or undefined. */
export async function findAdminToken(db: Db, { tokenHash, sandbox }: Pick<NewAdminToken, "tokenHash" | "sandbox">) {
  const [token] = await db
    .select({
      id: adminTokens.id,
      name: adminTokens.name,
      scope: adminTokens.scope,
      /** Whether `lastUsedAt` is missing or more than a minute old. */
      isUseStale: sql<boolean>`coalesce(${adminTokens.lastUsedAt} < now() - interval '1 minute', true)`,
    })
    .from(adminTokens)
    .where(and(eq(adminTokens.tokenHash, tokenHash), eq(adminTokens.sandbox, sandbox), isValid));
  return token;
}

/** Which of these tokens are valid now. */
export async function findValidTokenIds(db: Db, ids: readonly string[]): Promise<string[]> {
  const hasId = sql`${adminTokens.id} = any(${uuidArray(ids)})`;
  const rows = await db.select({ id: adminTokens.id }).from(adminTokens).where(and(hasId, isValid));
  return rows.map(({ id }) => id);
}

/** Updates `lastUsedAt`, at most once a minute over all processes. */
export async function touchAdminToken(db: Db, id: string): Promise<void> {
  await db
    .update(adminTokens)
    .set({ lastUsedAt: sql`now()` })
    .where(and(eq(adminTokens.id, id), sql`coalesce(${adminTokens.lastUsedAt} < now() - interval '1 minute', true)`));
}

/** Stores a new token and returns its id. */
export async function createAdminToken(db: Db, token: NewAdminToken): Promise<string> {
  const [row] = await db.insert(adminTokens).values(toValues(token)).returning({ id: adminTokens.id });
  if (!row) throw new Error("insert of an admin token returned no row");
  return row.id;
}

/** Stores a new token; returns null if `MAX_VALID_TOKENS` are valid. Concurrent calls cannot exceed the limit. */
export function createAdminTokenWithinLimit(db: Db, token: NewAdminToken): Promise<AdminTokenRow | null> {
  return db.transaction(async (tx) => {
    // Blocks other writers until the commit, but no readers.
    await tx.execute(sql`lock table ${adminTokens} in share row exclusive mode`);
    const valid = await tx.$count(adminTokens, and(eq(adminTokens.sandbox, token.sandbox), isValid));
    if (valid >= MAX_VALID_TOKENS) return null;
    const [row] = await tx.insert(adminTokens).values(toValues(token)).returning(COLUMNS);
    return row ?? null;
  });
}

/** Whether an instant is in the past by the clock of the database: a token that expires then would never be valid. */
export async function isPast(db: Db, instant: Date): Promise<boolean> {
  const [row] = await db.execute<{ isPast: boolean }>(
    sql`select ${instant.toISOString()}::timestamptz <= now() as "isPast"`,
  );
  return row?.isPast ?? false;
}

/** Revokes a token permanently. A token that was revoked before keeps its time. Null if this environment has no such token. */
export async function revokeAdminToken(
  db: Db,
  { id, sandbox }: { id: string; sandbox: boolean },
): Promise<{ row: AdminTokenRow; isChanged: boolean } | null> {
  const [revoked] = await db
    .update(adminTokens)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(adminTokens.id, id), eq(adminTokens.sandbox, sandbox), isNull(adminTokens.revokedAt)))
    .returning(COLUMNS);
  if (revoked) return { row: revoked, isChanged: true };
  const [row] = await findAdminTokens(db, [id], sandbox);
  return row ? { row, isChanged: false } : null;
}

/** All tokens of one environment, revoked and expired ones included, by time of creation. */
export function listAdminTokens(filter: AdminTokenFilter, sandbox: boolean): Listing<AdminTokenRow> {
  return {
    name: "adminTokens.createdAt",
    table: adminTokens,
    columns: COLUMNS,
    filter,
    where: and(eq(adminTokens.sandbox, sandbox), whereAdminToken(filter)),
    key: [
      { column: adminTokens.createdAt, kind: "instant" },
      { column: adminTokens.id, kind: "uuid" },
    ],
  };
}

/** The tokens with these ids, in any order. Unknown ids and ids of the other environment are left out. */
export function findAdminTokens(db: Db, ids: readonly string[], sandbox: boolean): Promise<AdminTokenRow[]> {
  return db
    .select(COLUMNS)
    .from(adminTokens)
    .where(and(eq(adminTokens.sandbox, sandbox), sql`${adminTokens.id} = any(${uuidArray(ids)})`));
}

function whereAdminToken(filter: AdminTokenFilter): SQL | undefined {
  return and(
    filter.scope ? eq(adminTokens.scope, filter.scope) : undefined,
    filter.status ? inArray(STATUS, [...filter.status]) : undefined,
  );
}

function toValues({ expiresAt, ...token }: NewAdminToken) {
  const isInDays = expiresAt !== null && "days" in expiresAt;
  return { ...token, expiresAt: isInDays ? sql`now() + make_interval(days => ${expiresAt.days})` : expiresAt };
}
