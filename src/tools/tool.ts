/**
 * What a tool is: a name and a description for the model, a schema for its arguments, who may use it, and the work.
 *
 * Who is asking never comes from the model: it is in the context, and `assistant/execute-tool` checks it.
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

/** A JSON object: what the model reads. */
export type ToolOutput = { [key: string]: unknown };

export interface ToolDefinition<Input extends z.ZodObject> {
  /** What the model calls it by: letters, digits, `_` and `-`, at most 64. */
  name: string;
  /** Says when to use it, not how it works. */
  description: string;
  /** What a person reads while it runs, in plain words, such as "Checking stock". */
  label: { en: string; vi: string };
  /** A strict object; every property required (optional means nullable), as OpenAI's strict mode asks. */
  input: Input;
  allowedRoles: readonly StaffRole[];
  /** Throws an `AppError` whose message the model may read; any other error is masked. */
  execute(input: z.output<Input>, context: ToolContext): Promise<ToolOutput>;
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly label: { readonly en: string; readonly vi: string };
  /** JSON Schema of the arguments. */
  readonly parameters: Record<string, unknown>;
  readonly allowedRoles: readonly StaffRole[];
  /** Checks arguments (already JSON): the work to do with them, or what is wrong in words for the model. */
  parse(args: unknown): { run(context: ToolContext): Promise<ToolOutput> } | { fault: string };
}

/** Makes a tool of its definition; the argument's type stays inside. */
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
