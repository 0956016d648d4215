/** Queries of imports for admins. */
import { and, eq, gt, ilike, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { uuidArray } from "../../driver/uuid-array.ts";
import { imports } from "../../schema/index.ts";
import type { Listing } from "./paging.ts";
import { inRange, type TimeRange } from "./range.ts";
import { escapeWildcards } from "./related.ts";

export type ImportRow = typeof imports.$inferSelect;

/** All given conditions must hold. */
export type ImportFilter = {
  readonly kind?: ImportRow["kind"] | null | undefined;
  readonly completed?: TimeRange | null | undefined;
  /** Only imports that added or changed rows. */
  readonly changedOnly?: boolean | null | undefined;
  /** Text that the file name contains, case-insensitive. */
  readonly fileName?: string | null | undefined;
};

/** All imports, by time of completion. */
export function listImports(filter: ImportFilter): Listing<ImportRow> {
  return {
    name: "imports.completedAt",
    table: imports,
    filter,
    where: whereImport(filter),
    key: [
      { column: imports.completedAt, kind: "instant" },
      { column: imports.id, kind: "uuid" },
    ],
  };
}

/** The imports with these ids, in any order. Unknown ids are left out. */
export function findImports(db: Db, ids: readonly string[]): Promise<ImportRow[]> {
  return db
    .select()
    .from(imports)
    .where(sql`${imports.id} = any(${uuidArray(ids)})`);
}

function whereImport(filter: ImportFilter): SQL | undefined {
  return and(
    filter.kind ? eq(imports.kind, filter.kind) : undefined,
    filter.changedOnly ? gt(imports.changedCount, 0) : undefined,
    filter.fileName == null ? undefined : ilike(imports.fileName, `%${escapeWildcards(filter.fileName)}%`),
    inRange(imports.completedAt, filter.completed),
  );
}
