/** Admin tokens: what lets a program read the admins' API. Of a token only its SHA-256 is known here. */
import { and, eq, gt, isNull, lt, or, sql } from "drizzle-orm";
import type { Db } from "../client.ts";
import { adminTokens } from "../schema/index.ts";

type AdminTokenRow = Pick<typeof adminTokens.$inferSelect, "id" | "name" | "scope">;

export type NewAdminToken = {
  readonly name: string;
  readonly scope: AdminTokenRow["scope"];
  readonly tokenHash: Buffer;
  /** Null for a token that does not expire. */
  readonly expiresAt: Date | null;
};

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
    .where(
      and(
        eq(adminTokens.tokenHash, tokenHash),
        isNull(adminTokens.revokedAt),
        or(isNull(adminTokens.expiresAt), gt(adminTokens.expiresAt, sql`now()`)),
      ),
    );
  return token;
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
