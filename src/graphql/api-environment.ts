/** What the admin API gets from the rest of the product besides its database: plain data, so it needs no other module. */
import type { StaffRole } from "../shop/roles.ts";
import type { Shop } from "../shop/shop.ts";

/** A tool as admins see it. */
export interface ToolEntry {
  readonly name: string;
  /** The description that the model gets. */
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Record<string, unknown>;
  readonly allowedRoles: readonly StaffRole[];
  /** Shown to staff while the tool runs. */
  readonly label: { readonly en: string; readonly vi: string };
}

export interface ApiEnvironment {
  /** Days are counted in the shop's time zone. */
  readonly shop: Shop;
  /** The Assistant's current tools. */
  readonly tools: readonly ToolEntry[];
  /** Whether the API serves the sandbox. It has its own people, invites, tokens and conversations, and shows no others. */
  readonly sandbox: boolean;
  now(): Date;
}
