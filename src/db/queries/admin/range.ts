/** Half-open time ranges in filters. */
import { and, gte, lt, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";

/** `from` included, `until` excluded, both optional. RFC 3339 with an offset, exact to the microsecond. */
export type TimeRange = { readonly from?: string | null | undefined; readonly until?: string | null | undefined };

export function inRange(column: AnyPgColumn, range: TimeRange | null | undefined): SQL | undefined {
  return and(
    range?.from ? gte(column, sql`${range.from}::timestamptz`) : undefined,
    range?.until ? lt(column, sql`${range.until}::timestamptz`) : undefined,
  );
}
