/**
 * The record of every call to the Bot API: what was asked, when, and how it ended.
 *
 * It keeps the newest `KEPT_CALLS` only, because the sandbox may run for days.
 */
import type { ResponseParameters } from "@grammyjs/types";
import { appendBounded } from "./append-bounded.ts";

/** How a call ended. */
export type CallOutcome =
  | { kind: "ok"; result: unknown }
  | { kind: "refused"; errorCode: number; description: string; parameters: ResponseParameters | undefined }
  /** A fault answered in the stand-in's place. */
  | { kind: "http"; status: number }
  /** A fault reset the connection; `applied` says whether the call had taken effect. */
  | { kind: "dropped"; applied: boolean }
  /** The client went away, or the stand-in was closed, before there was an answer. */
  | { kind: "abandoned" };

/** One call. Times are the stand-in's clock, in milliseconds; `outcome` is missing while the call goes on. */
export interface RecordedCall {
  readonly id: number;
  /** As written in the documentation, such as `sendMessage`, whatever case the client used. */
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** The chat that `chat_id` names, if it exists. */
  readonly chatId: number | undefined;
  /** The address that was called: where each of several processes has a proxy of its own, who called. */
  readonly host: string;
  readonly startedAtMs: number;
  endedAtMs: number | undefined;
  outcome: CallOutcome | undefined;
}

export interface Transcript {
  start(call: Pick<RecordedCall, "method" | "params" | "chatId" | "host" | "startedAtMs">): RecordedCall;
  calls(): RecordedCall[];
  /** The newest calls as lines of text, for people. */
  describe(): string;
}

const KEPT_CALLS = 10_000;
const DESCRIBED_CALLS = 40;

export function createTranscript(): Transcript {
  const calls: RecordedCall[] = [];
  let nextId = 1;
  return {
    start(call) {
      const recorded: RecordedCall = { ...call, id: nextId, endedAtMs: undefined, outcome: undefined };
      nextId += 1;
      appendBounded(calls, recorded, KEPT_CALLS);
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
      return "(not answered yet)";
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
