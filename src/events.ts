/**
 * The events of a run: what the run loop sends to everything that shows it.
 *
 * They match the events that the Assistants API streamed (see `docs/from-the-assistants-api.md`).
 */
import type { EndedRunStatus } from "./run-states.ts";

/** How a run ended, and why. */
export interface RunOutcome {
  status: EndedRunStatus;
  /** A stable error code; null when completed or cancelled. */
  errorCode: string | null;
  /** A message for the log and for admins, never a provider's raw text with secrets. */
  errorMessage: string | null;
}

export interface RequestedToolCall {
  /** Our id of the stored call. */
  id: string;
  /** The model's id: the output is sent back under this id. */
  callId: string;
  name: string;
  /** As the model wrote them; a string when they are not JSON. */
  arguments: unknown;
}

export type RunEvent =
  | { type: "run-start"; runId: string; attempt: number }
  /** The next piece of the answer, exactly as the model wrote it. */
  | { type: "text-delta"; delta: string }
  /** A round asked for tools. All its calls are stored, and none has begun. */
  | { type: "run-requires-action"; round: number; toolCalls: RequestedToolCall[] }
  | { type: "tool-start"; toolCallId: string; name: string; arguments: unknown }
  | { type: "tool-end"; toolCallId: string; name: string; succeeded: boolean }
  /** The whole answer: all deltas joined. */
  | { type: "message-completed"; text: string; completedAt: Date }
  /** The last event, sent after the end is committed. `finalText` is the stored reply, sentences of the bot included. */
  | { type: "run-end"; outcome: RunOutcome; finalText: string };
