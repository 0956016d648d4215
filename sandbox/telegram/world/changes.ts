/**
 * What happens inside the stand-in, as events, and waiting for it without polling.
 *
 * Every change of state is emitted after it is made, in the same tick, so whoever listens reads the new state. It does
 * not know what the changes mean.
 */
import type { Message, ReplyKeyboardMarkup } from "@grammyjs/types";
import type { RecordedCall } from "./call-log.ts";

/** A change that belongs to one chat. `atMs` is the stand-in's clock, in milliseconds. */
export type ChatChange = { chatId: number; atMs: number } & (
  | { kind: "message-new" | "message-edit"; message: Message }
  | { kind: "message-delete"; messageId: number }
  | { kind: "chat-action"; action: string; untilMs: number }
  | { kind: "callback-query"; queryId: string; messageId: number; data: string }
  | { kind: "callback-answer"; queryId: string; text: string | undefined; showAlert: boolean }
  | { kind: "reply-keyboard"; keyboard: ReplyKeyboardMarkup | undefined }
  | { kind: "bot-blocked" | "bot-unblocked" | "bot-kicked" | "bot-readmitted" }
  | { kind: "chat-migrate"; newChatId: number }
);

/** Everything that can happen; what belongs to no chat is about updates, commands and calls. */
export type StandInChange =
  | ChatChange
  | { kind: "call-start" | "call-end"; call: RecordedCall; atMs: number }
  | { kind: "update-new" | "updates-confirmed" | "commands-set"; atMs: number };

export interface WaitOptions {
  /** How long to wait before the promise is rejected, in milliseconds of the real clock. Default 10,000. */
  timeoutMs?: number;
}

type StandInListener = (change: StandInChange) => void;

export interface Changes {
  emit(change: StandInChange): void;
  /** Calls `listener` after each change; the returned function ends that. */
  onChange(listener: StandInListener): () => void;
  /**
   * The first truthy value of `predicate`, which is evaluated now and after each change. Rejects on time-out with the
   * transcript, and when `predicate` throws.
   */
  waitFor<T>(predicate: () => T, options?: WaitOptions): Promise<NonNullable<T>>;
}

const DEFAULT_WAIT_MS = 60_000;

/** `describe` is asked for the transcript when a wait times out. */
export function createChanges(describe: () => string): Changes {
  const listeners = new Set<StandInListener>();
  const onChange = (listener: StandInListener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  return {
    onChange,
    emit(change) {
      for (const listener of [...listeners]) listener(change);
    },
    waitFor: (predicate, options = {}) => {
      const timeoutMs = options.timeoutMs ?? DEFAULT_WAIT_MS;
      return waitForChange({ predicate, timeoutMs, onChange, describe });
    },
  };
}

interface Wait<T> {
  predicate: () => T;
  timeoutMs: number;
  onChange: Changes["onChange"];
  describe: () => string;
}

function waitForChange<T>(wait: Wait<T>): Promise<NonNullable<T>> {
  const { promise, resolve, reject } = Promise.withResolvers<NonNullable<T>>();
  const check = () => {
    try {
      const value = wait.predicate();
      if (value) resolve(value);
    } catch (error) {
      reject(error);
    }
  };
  const stopListening = wait.onChange(check);
  const timer = setTimeout(() => {
    reject(new Error(`Nothing that was waited for happened within ${wait.timeoutMs} ms.\n${wait.describe()}`));
  }, wait.timeoutMs);
  check();
  return promise.finally(() => {
    clearTimeout(timer);
    stopListening();
  });
}
