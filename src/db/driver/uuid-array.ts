/** Ids in SQL. */
import { type SQL, sql } from "drizzle-orm";

/** Ids as one parameter, so that the statement's text, and with it its plan, is the same for any number of ids. */
export function uuidArray(ids: readonly string[]): SQL {
  return sql`${`{${ids.join(",")}}`}::uuid[]`;
}
