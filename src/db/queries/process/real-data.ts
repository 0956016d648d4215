/** Whether a database holds real people or figures: then no sandbox may run on it. */
import { sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { imports, products, realBots, sales, staff } from "../../schema/index.ts";

export interface RealData {
  /** Whether a real bot has ever started on this database. */
  hasBot: boolean;
  /** Whether there are staff members outside the sandbox, present or removed. */
  hasPeople: boolean;
  /** Whether there are products, sales or imports. */
  hasFigures: boolean;
}

export async function findRealData(db: Db): Promise<RealData> {
  const [found] = await db.execute<RealData & Record<string, unknown>>(sql`select
    exists (select 1 from ${realBots}) as "hasBot",
    exists (select 1 from ${staff} where not ${staff.sandbox}) as "hasPeople",
    exists (select 1 from ${products}) or exists (select 1 from ${sales}) or exists (select 1 from ${imports}) as "hasFigures"`);
  if (!found) throw new Error("a select without a table always returns a row");
  return found;
}

/** Records that a real bot has started on this database. Call it before the bot accepts its first message. */
export async function recordRealBot(db: Db, id: number): Promise<void> {
  await db.insert(realBots).values({ id }).onConflictDoNothing();
}
