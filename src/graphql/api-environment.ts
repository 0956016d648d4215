/** What the admins' API is told beside its database: plain data, so that it needs to know no other room. */
import type { StaffRole } from "../shop/roles.ts";
import type { Shop } from "../shop/shop.ts";

/** A tool as admins see it. */
export interface ToolEntry {
  readonly name: string;
  /** As the model is told. */
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Record<string, unknown>;
  readonly allowedRoles: readonly StaffRole[];
  /** What a person reads while it runs. */
  readonly label: { readonly en: string; readonly vi: string };
}

export interface ApiEnvironment {
  /** In whose time zone days are counted. */
  readonly shop: Shop;
  /** The tools that the Assistant has now. */
  readonly tools: readonly ToolEntry[];
  /** Whether the bot is the sandbox's: it has people, invites, tokens and conversations of its own, and sees no others. */
  readonly sandbox: boolean;
  now(): Date;
}
