/**
 * Defines a Bot API method: its name, its parameters, whether it counts against the limits, and what it does.
 *
 * Stricter than the real Bot API, which ignores unknown parameters: sending one is a bug in this product.
 */
import { z } from "zod";
import { badRequest } from "../refusal.ts";
import type { UpdateFeed } from "../updates/update-feed.ts";
import type { BotProfile } from "../world/bot-profile.ts";
import type { Changes } from "../world/changes.ts";
import type { ChatState, World } from "../world/world.ts";

/** What a method may use. `signal` aborts when the client disconnects or the stand-in closes. */
export interface MethodContext {
  world: World;
  updates: UpdateFeed;
  profile: BotProfile;
  /** Emits changes that do not belong to a chat. */
  emit: Changes["emit"];
  signal: AbortSignal;
}

/** A call with valid parameters. */
interface PreparedCall {
  execute(context: MethodContext): unknown;
}

export interface Method {
  readonly name: string;
  /** Whether it counts against the chat's rate limit: sends, edits and chat actions do. */
  readonly isCounted: boolean;
  /** The schemas of the parameters by name. */
  readonly shape: z.ZodRawShape;
  /** Throws 400 for missing, unknown or invalid parameters. */
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

/** The chat of a call. Throws 400 if it does not exist or was upgraded to a supergroup. */
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
