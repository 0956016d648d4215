/** Queries about past imports. */
import type { Db } from "../../client.ts";
import { imports } from "../../schema/index.ts";

/** Whether anything was ever imported: then the shop works with its own figures instead of the demo's. */
export async function hasImports(db: Db): Promise<boolean> {
  const [found] = await db.select({ id: imports.id }).from(imports).limit(1);
  return found !== undefined;
}
