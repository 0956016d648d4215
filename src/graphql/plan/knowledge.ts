/**
 * What a plan knows of the schema: which fields can be read together with the row that they belong to.
 *
 * A field that is not here is answered by the executor, field by field: nothing is lost by forgetting one but speed.
 */
import type { ShapedKind } from "../../db/queries/admin/shapes.ts";

/**
 * Fields that refer to one other row: by which column, and what stands there. Only to rows of the same side (`admin-sides.ts`):
 * what is joined is not asked for its side. `StaffMember.invitedBy` is none of them.
 */
export const REFERENCES: Readonly<Record<string, { readonly by: string; readonly kind: ShapedKind }>> = {
  "Thread.chat": { by: "chatId", kind: "Chat" },
  "Message.thread": { by: "threadId", kind: "Thread" },
  "Message.author": { by: "authorId", kind: "StaffMember" },
  "Message.run": { by: "runId", kind: "Run" },
  "Run.thread": { by: "threadId", kind: "Thread" },
  "Run.asker": { by: "askerId", kind: "StaffMember" },
  "Run.retryOf": { by: "retryOf", kind: "Run" },
  "ToolCall.run": { by: "runId", kind: "Run" },
  "ToolCall.thread": { by: "threadId", kind: "Thread" },
};

/** Fields whose resolver needs other columns of its row than the one of its own name, and nothing else. */
export const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  "Message.preview": ["text"],
  "Message.excerpts": ["text"],
  "Run.durationMs": ["startedAt", "completedAt"],
  "Run.firstTextMs": ["queuedAt", "firstTokenAt"],
  "Run.error": ["errorCode", "errorMessage"],
  "Run.usage": ["inputTokens", "cachedInputTokens", "outputTokens", "reasoningTokens"],
  "ToolCall.durationMs": ["startedAt", "completedAt"],
};

/** Fields whose resolver loads what is a column of their row: a plan takes the column. */
export const LOADED_COLUMNS: ReadonlySet<string> = new Set(["ToolCall.arguments", "ToolCall.output"]);

/** Lists that belong to a row. */
export const LISTS: ReadonlySet<string> = new Set([
  "Thread.messages",
  "Thread.runs",
  "Thread.toolCalls",
  "Run.toolCalls",
]);

/** Root fields: lists, and look-ups of one row. */
export const ROOT_LISTS: ReadonlySet<string> = new Set(["threads", "messages", "runs", "toolCalls", "staff"]);
export const ROOT_ROWS: Readonly<Record<string, ShapedKind>> = { thread: "Thread" };

/** What the connections hold. */
export const NODE_OF: Readonly<Record<string, ShapedKind>> = {
  MessageConnection: "Message",
  RunConnection: "Run",
  StaffMemberConnection: "StaffMember",
  ThreadConnection: "Thread",
  ToolCallConnection: "ToolCall",
};
