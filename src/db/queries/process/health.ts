/** Whether the database answers. */
import { sql } from "drizzle-orm";
import type { Db } from "../../client.ts";

/** Asks for nothing, and takes any failure as a no. */
export async function isDatabaseUp(db: Db): Promise<boolean> {
  try {
    await db.execute(sql`select 1`);
    return true;
  } catch {
    // Whatever went wrong, it does not answer: that is all that was asked.
    return false;
  }
}
