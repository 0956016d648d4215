/** Whether the database answers. */
import { sql } from "drizzle-orm";
import type { Db } from "../../client.ts";

/** Runs a trivial query. Any failure counts as down. */
export async function isDatabaseUp(db: Db): Promise<boolean> {
  try {
    await db.execute(sql`select 1`);
    return true;
  } catch {
    // The kind of error does not matter here.
    return false;
  }
}
