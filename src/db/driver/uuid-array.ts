/** Ids in SQL. */
import { type SQL, sql } from "drizzle-orm";

/** Ids as one parameter: the statement's text, and so its plan, is the same for any number of them. */
export function uuidArray(ids: readonly string[]): SQL {
  return sql`${`{${ids.join(",")}}`}::uuid[]`;
}
