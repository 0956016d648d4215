/**
 * A tool: a name and a description for the model, a schema for its arguments, the allowed roles, and the function to run.
 *
 * The model never says who is asking. `assistant/execute-tool.ts` knows that, and checks the role.
 */
import { z } from "zod";
import type { Db } from "../db/client.ts";
import type { StaffRole } from "../shop/roles.ts";
import type { Shop } from "../shop/shop.ts";

/** What a tool works with: a READ ONLY transaction, the shop, and the time of the question. */
export interface ToolContext {
  db: Db;
  shop: Shop;
  now: Date;
}

/** A JSON object for the model. */
export type ToolOutput = { [key: string]: unknown };

export interface ToolDefinition<Input extends z.ZodObject> {
  /** The model's name for the tool: letters, digits, `_` and `-`, at most 64 characters. */
  name: string;
  /** Says when to use it, not how it works. */
  description: string;
  /** Shown to people while the tool runs, such as "Checking stock". */
  label: { en: string; vi: string };
  /** A strict object with required properties only (optional ones are nullable), as OpenAI's strict mode demands. */
  input: Input;
  allowedRoles: readonly StaffRole[];
  /** May throw an `AppError`, whose message the model reads. Any other error is masked. */
  execute(input: z.output<Input>, context: ToolContext): Promise<ToolOutput>;
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly label: { readonly en: string; readonly vi: string };
  /** JSON Schema of the arguments. */
  readonly parameters: Record<string, unknown>;
  readonly allowedRoles: readonly StaffRole[];
  /** Checks the arguments (parsed JSON). Returns the function to run with them, or a description of the fault for the model. */
  parse(args: unknown): { run(context: ToolContext): Promise<ToolOutput> } | { fault: string };
}

/** Creates a tool from its definition. The type of the arguments does not appear in the result. */
export function defineTool<Input extends z.ZodObject>(definition: ToolDefinition<Input>): Tool {
  const { $schema, ...parameters } = z.toJSONSchema(definition.input);
  return {
    name: definition.name,
    description: definition.description,
    label: definition.label,
    parameters,
    allowedRoles: definition.allowedRoles,
    parse(args) {
      const parsed = definition.input.safeParse(args);
      if (!parsed.success) return { fault: z.prettifyError(parsed.error) };
      return { run: (context) => definition.execute(parsed.data, context) };
    },
  };
}
