/**
 * What happens while the Assistant answers: the one vocabulary between the run loop and whoever shows it.
 *
 * The steps are those that the Assistants API streamed (see `docs/from-the-assistants-api.md`).
 */
import type { EndedRunStatus } from "./run-states.ts";

/** How a run ended, and what is known of why. */
export interface RunOutcome {
  status: EndedRunStatus;
  /** A stable name of the fault; null when completed or cancelled. */
  errorCode: string | null;
  /** Our own words for the log and the admin, never a provider's raw text with secrets. */
  errorMessage: string | null;
}

export interface RequestedToolCall {
  /** Our id of the stored call. */
  id: string;
  /** The model's id: its output goes back under it. */
  callId: string;
  name: string;
  /** As the model wrote them; a string where they are no JSON. */
  arguments: unknown;
}

export type RunEvent =
  | { type: "run-start"; runId: string; attempt: number }
  /** The next piece of the answer, exactly as the model wrote it. */
  | { type: "text-delta"; delta: string }
  /** A round asked for tools; all its calls are stored, none has begun. */
  | { type: "run-requires-action"; round: number; toolCalls: RequestedToolCall[] }
  | { type: "tool-start"; toolCallId: string; name: string; arguments: unknown }
  | { type: "tool-end"; toolCallId: string; name: string; succeeded: boolean }
  /** The whole answer, equal to its deltas joined. */
  | { type: "message-completed"; text: string; completedAt: Date }
  /** The last event, sent after the end is committed. `finalText` is the reply as stored, notes of the bot included. */
  | { type: "run-end"; outcome: RunOutcome; finalText: string };
