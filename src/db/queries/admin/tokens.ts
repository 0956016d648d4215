/**
 * Admin tokens: what lets a program read the admins' API. Of a token only its SHA-256 is known here.
 *
 * Those made in the sandbox open the API of a sandbox, and all others that of real bots: each side sees its own only.
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
  /** Whether it is made in the sandbox. */
  readonly sandbox: boolean;
  /** Null for a token that does not expire. */
  readonly expiresAt: Date | Days | null;
  /** Its first letters, to recognise it by; left out for one that has none. */
  readonly prefix?: string;
  /** The name of whoever made it; left out where a command did. */
  readonly createdBy?: string;
};

/** So many days from now, by the database's clock. */
export type Days = { readonly days: number };

/** All that are given must hold. */
export type AdminTokenFilter = {
  /** One of these; an empty list finds nothing. */
  readonly status?: readonly AdminTokenStatus[] | null | undefined;
  readonly scope?: AdminTokenRow["scope"] | null | undefined;
};

/** How many tokens may be valid at once: more than anybody can keep track of. */
export const MAX_VALID_TOKENS = 100;

/** By the database's clock, which decides whether a token opens anything too. */
const STATUS = sql<AdminTokenStatus>`case when ${adminTokens.revokedAt} is not null then 'revoked'
  when ${adminTokens.expiresAt} <= now() then 'expired' else 'valid' end`;
const isValid = sql`${STATUS} = 'valid'`;

const { tokenHash: _tokenHash, ...PLAIN } = getColumns(adminTokens);
const COLUMNS = { ...PLAIN, status: STATUS.as("status") };

/** The token with this SHA-256, unless it is revoked, has expired, or is of the other side. */
export async function findAdminToken(db: Db, { tokenHash, sandbox }: Pick<NewAdminToken, "tokenHash" | "sandbox">) {
  const [token] = await db
    .select({
      id: adminTokens.id,
      name: adminTokens.name,
      scope: adminTokens.scope,
      /** Whether its last use was never noted, or more than a minute ago. */
      isUseStale: sql<boolean>`coalesce(${adminTokens.lastUsedAt} < now() - interval '1 minute', true)`,
    })
    .from(adminTokens)
    .where(and(eq(adminTokens.tokenHash, tokenHash), eq(adminTokens.sandbox, sandbox), isValid));
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
    .where(and(eq(adminTokens.id, id), sql`coalesce(${adminTokens.lastUsedAt} < now() - interval '1 minute', true)`));
}

/** Stores a new token and gives back its id. */
export async function createAdminToken(db: Db, token: NewAdminToken): Promise<string> {
  const [row] = await db.insert(adminTokens).values(toValues(token)).returning({ id: adminTokens.id });
  if (!row) throw new Error("insert of an admin token returned no row");
  return row.id;
}

/** Stores a new token unless `MAX_VALID_TOKENS` are valid, whoever else makes one at the same moment. Null: it did not. */
export function createAdminTokenWithinLimit(db: Db, token: NewAdminToken): Promise<AdminTokenRow | null> {
  return db.transaction(async (tx) => {
    // Keeps out other writers, not those who only read, until the commit.
    await tx.execute(sql`lock table ${adminTokens} in share row exclusive mode`);
    const valid = await tx.$count(adminTokens, and(eq(adminTokens.sandbox, token.sandbox), isValid));
    if (valid >= MAX_VALID_TOKENS) return null;
    const [row] = await tx.insert(adminTokens).values(toValues(token)).returning(COLUMNS);
    return row ?? null;
  });
}

/** Whether an instant lies in the past by the database's clock: a token that ended then would open nothing. */
export async function isPast(db: Db, instant: Date): Promise<boolean> {
  const [row] = await db.execute<{ isPast: boolean }>(
    sql`select ${instant.toISOString()}::timestamptz <= now() as "isPast"`,
  );
  return row?.isPast ?? false;
}

/** Revokes a token for good; what was revoked before keeps its time. Null where this side has none with this id. */
export async function revokeAdminToken(
  db: Db,
  { id, sandbox }: { id: string; sandbox: boolean },
): Promise<{ row: AdminTokenRow; isNews: boolean } | null> {
  const [revoked] = await db
    .update(adminTokens)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(adminTokens.id, id), eq(adminTokens.sandbox, sandbox), isNull(adminTokens.revokedAt)))
    .returning(COLUMNS);
  if (revoked) return { row: revoked, isNews: true };
  const [row] = await findAdminTokens(db, [id], sandbox);
  return row ? { row, isNews: false } : null;
}

/** All tokens of the sandbox or all others, the revoked and the expired among them, by when they were made. */
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

/** The tokens with these ids, in no order; one that does not exist, or is of the other side, is left out. */
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
