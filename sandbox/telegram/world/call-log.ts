/**
 * The log of Bot API calls: parameters, times and outcomes.
 *
 * It is bounded by `MAX_CALLS`, because the sandbox may run for days.
 */
import type { ResponseParameters } from "@grammyjs/types";
import { appendBounded } from "./append-bounded.ts";

/** How a call ended. */
export type CallOutcome =
  | { kind: "ok"; result: unknown }
  | { kind: "refused"; errorCode: number; description: string; parameters: ResponseParameters | undefined }
  /** An injected fault sent this status. */
  | { kind: "http"; status: number }
  /** An injected fault reset the connection; `applied`: whether the call had taken effect. */
  | { kind: "dropped"; applied: boolean }
  /** The client disconnected, or the stand-in closed, before the response. */
  | { kind: "abandoned" };

/** One call. Times are milliseconds of the stand-in's clock; `outcome` is undefined while the call is running. */
export interface RecordedCall {
  readonly id: number;
  /** As in the documentation, such as `sendMessage`, regardless of the case that the client used. */
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** The id of the chat in `chat_id`, if it exists. */
  readonly chatId: number | undefined;
  /** The address that was called. It identifies the caller if each process has its own proxy. */
  readonly host: string;
  readonly startedAtMs: number;
  endedAtMs: number | undefined;
  outcome: CallOutcome | undefined;
}

export interface CallLog {
  start(call: Pick<RecordedCall, "method" | "params" | "chatId" | "host" | "startedAtMs">): RecordedCall;
  calls(): RecordedCall[];
  /** The newest calls as lines of text, for people. */
  describe(): string;
}

const MAX_CALLS = 10_000;
const DESCRIBED_CALLS = 40;

export function createCallLog(): CallLog {
  const calls: RecordedCall[] = [];
  let nextId = 1;
  return {
    start(call) {
      const recorded: RecordedCall = { ...call, id: nextId, endedAtMs: undefined, outcome: undefined };
      nextId += 1;
      appendBounded(calls, recorded, MAX_CALLS);
      return recorded;
    },
    calls: () => [...calls],
    describe: () => describeCalls(calls),
  };
}

function describeCalls(calls: RecordedCall[]): string {
  if (calls.length === 0) return "The bot made no call.";
  const shown = calls.slice(-DESCRIBED_CALLS).map(describeCall);
  return [`The last ${shown.length} of ${calls.length} calls:`, ...shown].join("\n");
}

function describeCall(call: RecordedCall): string {
  const time = new Date(call.startedAtMs).toISOString().slice(11, 23);
  return `  ${time} ${call.method} ${JSON.stringify(call.params)} -> ${describeOutcome(call.outcome)}`;
}

function describeOutcome(outcome: CallOutcome | undefined): string {
  switch (outcome?.kind) {
    case undefined:
      return "(running)";
    case "ok":
      return "ok";
    case "refused":
      return `${outcome.errorCode} ${outcome.description}`;
    case "http":
      return `fault: HTTP ${outcome.status}`;
    case "dropped":
      return outcome.applied ? "fault: applied, connection reset" : "fault: connection reset";
    case "abandoned":
      return "abandoned";
  }
}
