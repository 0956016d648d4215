/** All tools of the Assistant. To add one, create a file in this folder and add it to the list below. */
import type { StaffRole } from "../shop/roles.ts";
import { createCheckDailyRevenue } from "./check-daily-revenue.ts";
import { checkOutOfStock } from "./check-out-of-stock.ts";
import type { Tool } from "./tool.ts";

export type ToolRegistry = ReadonlyMap<string, Tool>;

/** The tools by name. `revenueRoles` are the roles that may ask for revenue (`REVENUE_ROLES`). */
export function createToolRegistry(revenueRoles: readonly StaffRole[]): ToolRegistry {
  const tools = [checkOutOfStock, createCheckDailyRevenue(revenueRoles)];
  return new Map(tools.map((tool) => [tool.name, tool]));
}
