/** A shop of a test's own: its files go through the real import, its questions through the tools themselves. */
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

/** The shop of the defaults. */
export const HANOI: Shop = { name: "Xi Pho Coffee", timeZone: "Asia/Ho_Chi_Minh", currency: "VND", locale: "vi-VN" };
export const NEW_YORK: Shop = { name: "Corner", timeZone: "America/New_York", currency: "USD", locale: "en-US" };

export interface TestShop {
  readonly shop: Shop;
  readonly db: Db;
  /** Rows `sku,name,category,price,cost,stock,reorder_level`, imported at a time of the shop's clock. */
  stock(at: string, ...rows: string[]): Promise<void>;
  /** Rows `receipt,sold_at,sku,quantity,unit_price,discount`, imported at a time of the shop's clock. */
  sell(at: string, ...rows: string[]): Promise<void>;
  /** What a tool answers when it is asked at a time of the shop's clock. */
  ask(tool: string, args: object, at: string): Promise<ToolOutput>;
}

/** An empty shop; its database is gone when the test has finished. */
export async function openTestShop(shop: Shop = HANOI): Promise<TestShop> {
  const store = await createTestDatabase();
  onTestFinished(() => store.close());
  const { database, db } = store;
  const tools = createToolRegistry(STAFF_ROLES);
  const importAs = async (run: typeof importProducts, at: string, rows: string[]) => {
    const now = instantOf(at, shop);
    const source = once(rows.join("\n"));
    const { importId } = await run(database, { source, fileName: "file.csv", importedBy: "tester", shop, now });
    // The database's own clock stands there, and the tests have another.
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

/** `2026-11-14T09:31` on the shop's clock. */
export function instantOf(at: string, shop: Shop): Date {
  return new Date(Temporal.PlainDateTime.from(at).toZonedDateTime(shop.timeZone).epochMilliseconds);
}

async function* once(content: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}
