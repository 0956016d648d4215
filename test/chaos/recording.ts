/**
 * What is written down of a chaos run, and all that the auditor knows of it. Types only; times are milliseconds since the epoch.
 *
 * A slot is the place of one process: whoever is killed there is started there again. `slot` names it in every record.
 */
import type { ModelFault } from "./scripted-model.ts";

/** A question as it stands in its chat. */
export interface AskedQuestion {
  readonly id: number;
  readonly text: string;
  readonly chatId: number;
  readonly topicId: number | null;
  readonly messageId: number;
  readonly atMs: number;
}

/** A person ended what went on in a place: /stop, /new. */
export interface StopAct {
  readonly chatId: number;
  readonly topicId: number | null;
  readonly atMs: number;
}

/** `webhook` is the way in, for Telegram's updates. */
export type Border = "database" | "telegram" | "model" | "webhook";

/** What the driver did to a process. `untilMs` of a kill is the moment when the next one was ready. */
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
  readonly border: Border | null;
  readonly fromMs: number;
  untilMs: number;
}

export interface TelegramCall {
  readonly number: number;
  readonly slot: string;
  readonly method: string;
  readonly chatId: number | undefined;
  /** The message that is edited or deleted, or that was made. */
  messageId: number | undefined;
  readonly questionId: number | undefined;
  /** The run named by the stop button. */
  readonly runId: string | undefined;
  readonly startedAtMs: number;
  endedAtMs: number;
  /** `lost`: it took effect, or may have, and nobody was told. */
  outcome: "open" | "ok" | "lost" | "failed" | "refused";
  retryAfterSeconds: number | undefined;
}

/** A message of the bot as the chat shows it at the end. */
export interface ShownMessage {
  readonly chatId: number;
  readonly topicId: number | null;
  readonly messageId: number;
  readonly text: string;
  /** What its buttons send when they are pressed. */
  readonly buttons: readonly string[];
}

export interface ModelAsked {
  readonly slot: string;
  readonly questionId: number;
  /** From 1. */
  readonly round: number;
  readonly atMs: number;
  /** Outputs of the calls that were sent along, by the call's id. */
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

/** A change of a run's owner, attempt or status, with who made it. */
export interface RunChange {
  readonly runId: string;
  readonly slot: string;
  readonly atMs: number;
  readonly attempt: number;
  readonly workerId: number | null;
  readonly status: RunStatus;
  /** A worker began it, or took it over. */
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
    /** How many of its attempts ended in good order. */
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
    /** Messages that may stand twice, by the product's own count. */
    resentCount: number;
    error: string | null;
  }[];
}

export interface Recording {
  readonly questions: readonly AskedQuestion[];
  readonly stops: readonly StopAct[];
  readonly disturbances: readonly Disturbance[];
  readonly telegramCalls: readonly TelegramCall[];
  readonly shown: readonly ShownMessage[];
  readonly modelAsked: readonly ModelAsked[];
  /** Requests that the model's stand-in refused as malformed, or had no line for, in words. */
  readonly modelComplaints: readonly string[];
  readonly runChanges: readonly RunChange[];
  readonly toolCallChanges: readonly ToolCallChange[];
  readonly replyChanges: readonly ReplyChange[];
  readonly rows: Rows;
  /** Updates that nobody confirmed. */
  readonly pendingUpdates: number;
  /** Processes that ended by themselves after they had been ready, in words. */
  readonly crashes: readonly string[];
  /** Why the driver stopped waiting, when not everything had come to its end. */
  readonly gaveUpBecause: string | null;
}
