/** A test's own shop: data comes in through the real import, questions go through the real tools. */
import { eq } from "drizzle-orm";
import { onTestFinished } from "vitest";
import type { Db } from "../../src/db/client.ts";
import { importProducts } from "../../src/db/import/import-products.ts";
import { importSales } from "../../src/db/import/import-sales.ts";
import { imports } from "../../src/db/schema/index.ts";
import { STAFF_ROLES } from "../../src/shop/roles.ts";
import type { Shop } from "../../src/shop/shop.ts";
import { createToolRegistry } from "../../src/tools/registry.ts";
import type { ToolOutput } from "../../src/tools/tool.ts";
import { createTestDatabase } from "./database.ts";

/** The shop with the default settings. */
export const HANOI: Shop = { name: "Xi Pho Coffee", timeZone: "Asia/Ho_Chi_Minh", currency: "VND", locale: "vi-VN" };
export const NEW_YORK: Shop = { name: "Corner", timeZone: "America/New_York", currency: "USD", locale: "en-US" };

export interface TestShop {
  readonly shop: Shop;
  readonly db: Db;
  /** Imports rows `sku,name,category,price,cost,stock,reorder_level` at this local time of the shop. */
  stock(at: string, ...rows: string[]): Promise<void>;
  /** Imports rows `receipt,sold_at,sku,quantity,unit_price,discount` at this local time of the shop. */
  sell(at: string, ...rows: string[]): Promise<void>;
  /** Calls a tool at this local time of the shop. @returns its output. */
  ask(tool: string, args: object, at: string): Promise<ToolOutput>;
}

/** Opens an empty shop. Its database is dropped when the test has finished. */
export async function openTestShop(shop: Shop = HANOI): Promise<TestShop> {
  const store = await createTestDatabase();
  onTestFinished(() => store.close());
  const { database, db } = store;
  const tools = createToolRegistry(STAFF_ROLES);
  const importAs = async (run: typeof importProducts, at: string, rows: string[]) => {
    const now = instantOf(at, shop);
    const source = once(rows.join("\n"));
    const { importId } = await run(database, { source, fileName: "file.csv", importedBy: "tester", shop, now });
    // The import stores the database server's time; tests use another clock.
    await db.update(imports).set({ completedAt: now }).where(eq(imports.id, importId));
  };
  return {
    shop,
    db,
    stock: (at, ...rows) => importAs(importProducts, at, ["sku,name,category,price,cost,stock,reorder_level", ...rows]),
    sell: (at, ...rows) => importAs(importSales, at, ["receipt,sold_at,sku,quantity,unit_price,discount", ...rows]),
    ask(name, args, at) {
      const parsed = tools.get(name)?.parse(args);
      if (!parsed || "fault" in parsed) throw new Error(parsed?.fault ?? `no tool ${name}`);
      return parsed.run({ db, shop, now: instantOf(at, shop) });
    },
  };
}

/** Converts the shop's local time, such as `2026-11-14T09:31`. */
export function instantOf(at: string, shop: Shop): Date {
  return new Date(Temporal.PlainDateTime.from(at).toZonedDateTime(shop.timeZone).epochMilliseconds);
}

async function* once(content: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}
