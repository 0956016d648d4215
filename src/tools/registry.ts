/** All tools of the Assistant. A new one: a file beside this one, and a line here. */
import type { StaffRole } from "../shop/roles.ts";
import { createCheckDailyRevenue } from "./check-daily-revenue.ts";
import { checkOutOfStock } from "./check-out-of-stock.ts";
import type { Tool } from "./tool.ts";

export type ToolRegistry = ReadonlyMap<string, Tool>;

/** The tools by name. `revenueRoles` may ask for revenue (`REVENUE_ROLES`). */
export function createToolRegistry(revenueRoles: readonly StaffRole[]): ToolRegistry {
  const tools = [checkOutOfStock, createCheckDailyRevenue(revenueRoles)];
  return new Map(tools.map((tool) => [tool.name, tool]));
}
