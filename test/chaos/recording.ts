/**
 * The recording of a chaos run, and the auditor's only input. Types only; times are milliseconds since the epoch.
 *
 * A slot is the place of one process: after a kill the new process runs in the same slot. Records name the slot.
 */
import type { ModelFault } from "./scripted-model.ts";

/** A question that was sent in a chat. */
export interface AskedQuestion {
  readonly id: number;
  readonly text: string;
  readonly chatId: number;
  readonly topicId: number | null;
  readonly messageId: number;
  readonly atMs: number;
}

/** A person stopped the current answer in a chat or topic, with /stop, /new or the button. */
export interface RecordedStop {
  readonly chatId: number;
  readonly topicId: number | null;
  readonly atMs: number;
}

/** A network connection of a process. `webhook` is the incoming one, for Telegram's updates. */
export type Link = "database" | "telegram" | "model" | "webhook";

/** A fault that affected a process. After a kill, `untilMs` is the time when the next process was ready. */
export interface Disturbance {
  readonly kind:
    | "kill"
    | "freeze"
    | "terminate"
    | "second-signal"
    | "cut"
    | "refuse"
    | "blackhole"
    | "delay"
    | "backends"
    | "server-crash"
    | "exit";
  readonly slot: string;
  readonly link: Link | null;
  readonly fromMs: number;
  untilMs: number;
}

export interface TelegramCall {
  readonly number: number;
  readonly slot: string;
  readonly method: string;
  readonly chatId: number | undefined;
  /** The message that was sent, edited or deleted. */
  messageId: number | undefined;
  readonly questionId: number | undefined;
  /** The run named by the stop button. */
  readonly runId: string | undefined;
  readonly startedAtMs: number;
  endedAtMs: number;
  /** `lost`: the call took effect, or may have, but the caller got no response. */
  outcome: "open" | "ok" | "lost" | "failed" | "refused";
  retryAfterSeconds: number | undefined;
}

/** A message of the bot in a chat at the end. */
export interface ShownMessage {
  readonly chatId: number;
  readonly topicId: number | null;
  readonly messageId: number;
  readonly text: string;
  /** The callback data of its buttons. */
  readonly buttons: readonly string[];
}

export interface RecordedModelRequest {
  readonly slot: string;
  readonly questionId: number;
  /** From 1. */
  readonly round: number;
  /** The earliest time at which the process may have begun it. */
  readonly startedAtMs: number;
  /** When the model received it. */
  readonly atMs: number;
  /** The tool outputs in the request, by call id. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly fault: ModelFault | null;
}

export type RunStatus =
  | "queued"
  | "in_progress"
  | "requires_action"
  | "completed"
  | "failed"
  | "cancelled"
  | "incomplete";

/** A change of a run's owner, attempt or status, and the slot that made it. */
export interface RunChange {
  readonly runId: string;
  readonly slot: string;
  readonly atMs: number;
  readonly attempt: number;
  readonly workerId: number | null;
  readonly status: RunStatus;
  /** A worker started the run or took it over. */
  readonly isClaim: boolean;
}

export interface ToolCallChange {
  readonly toolCallId: string;
  readonly slot: string;
  readonly atMs: number;
  readonly before: string;
  readonly status: string;
}

export interface ReplyChange {
  readonly replyId: string;
  readonly slot: string;
  readonly atMs: number;
  readonly workerId: number | null;
  readonly status: string;
  readonly messageIds: readonly number[];
}

/** The rows of the database at the end. */
export interface Rows {
  readonly messages: readonly {
    id: string;
    threadId: string;
    position: number;
    role: "user" | "assistant";
    text: string;
    runId: string | null;
    chatId: number;
    topicId: number | null;
    messageId: number | null;
  }[];
  readonly runs: readonly {
    id: string;
    threadId: string;
    position: number;
    status: RunStatus;
    attempt: number;
    /** Number of attempts that ended with a clean handover. */
    handovers: number;
    errorCode: string | null;
  }[];
  readonly items: readonly { runId: string; round: number; atMs: number }[];
  readonly toolCalls: readonly {
    id: string;
    runId: string;
    round: number;
    callId: string;
    status: string;
    output: unknown;
  }[];
  readonly replies: readonly {
    id: string;
    runId: string;
    chatId: number;
    status: string;
    finalText: string | null;
    messageIds: readonly number[];
    /** Number of possible duplicates, as counted by the product. */
    resentCount: number;
    error: string | null;
  }[];
}

export interface Recording {
  readonly questions: readonly AskedQuestion[];
  readonly stops: readonly RecordedStop[];
  readonly disturbances: readonly Disturbance[];
  readonly telegramCalls: readonly TelegramCall[];
  readonly shown: readonly ShownMessage[];
  readonly modelRequests: readonly RecordedModelRequest[];
  /** Error messages for requests that the model stand-in refused or could not answer. */
  readonly modelErrors: readonly string[];
  readonly runChanges: readonly RunChange[];
  readonly toolCallChanges: readonly ToolCallChange[];
  readonly replyChanges: readonly ReplyChange[];
  readonly rows: Rows;
  /** Number of unconfirmed updates. */
  readonly pendingUpdates: number;
  /** Descriptions of unexpected exits of processes that had been ready. */
  readonly crashes: readonly string[];
  /** What was unfinished when the scenario timed out; null if everything finished. */
  readonly timeoutReason: string | null;
}
