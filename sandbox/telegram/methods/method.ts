/**
 * What a Bot API method is here: a name, strict parameters, whether it counts against the limits, and what it does.
 *
 * Stricter than the real one, which ignores parameters it does not know: one that is sent is a bug of ours.
 */
import { z } from "zod";
import { badRequest } from "../refusal.ts";
import type { UpdateFeed } from "../updates/update-feed.ts";
import type { Changes } from "../world/changes.ts";
import type { CommandBook } from "../world/bot-profile.ts";
import type { ChatState, World } from "../world/world.ts";

/** What a method may touch. `gone` aborts when the client went away or the stand-in closes. */
export interface MethodContext {
  world: World;
  updates: UpdateFeed;
  commands: CommandBook;
  /** For changes that belong to no chat. */
  announce: Changes["emit"];
  gone: AbortSignal;
}

/** A call whose parameters are checked. */
interface PreparedCall {
  execute(context: MethodContext): unknown;
}

export interface Method {
  readonly name: string;
  /** Whether it spends the budget of its chat: sends, edits and chat actions do. */
  readonly isCounted: boolean;
  /** The parameters' schemas by name. */
  readonly shape: z.ZodRawShape;
  /** Throws 400 on parameters that are missing, unknown or of a wrong type. */
  prepare(params: Record<string, unknown>): PreparedCall;
}

interface MethodDefinition<S extends z.ZodRawShape> {
  name: string;
  isCounted?: boolean;
  parameters: S;
  /** The result as JSON. Throws `TelegramRefusal`. */
  execute(params: z.infer<z.ZodObject<S, z.core.$strict>>, context: MethodContext): unknown;
}

export function defineMethod<S extends z.ZodRawShape>(definition: MethodDefinition<S>): Method {
  const schema = z.strictObject(definition.parameters);
  return {
    name: definition.name,
    isCounted: definition.isCounted ?? false,
    shape: definition.parameters,
    prepare(params) {
      const parsed = schema.safeParse(params);
      if (!parsed.success) throw badRequest(describeIssues(parsed.error, definition.name));
      return { execute: (context) => definition.execute(parsed.data, context) };
    },
  };
}

/** The chat of a call, or 400. Throws as well when it was upgraded to a supergroup. */
export function getChat(world: World, id: number | string): ChatState {
  const state = world.findChat(id);
  if (!state) throw badRequest("chat not found");
  if (state.migratedToId !== undefined) {
    throw badRequest("group chat was upgraded to a supergroup chat", { migrate_to_chat_id: state.migratedToId });
  }
  return state;
}

function describeIssues(error: z.ZodError, method: string): string {
  const issues = error.issues.map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message));
  return `the stand-in refuses the parameters of ${method}: ${issues.join("; ")}`;
}
