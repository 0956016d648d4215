/**
 * Events for all changes inside the stand-in, and waiting for them without polling.
 *
 * An event is emitted after the change, in the same tick, so listeners see the new state.
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

/** All changes. Those without a chat are about updates, commands and calls. */
export type StandInChange =
  | ChatChange
  | { kind: "call-start" | "call-end"; call: RecordedCall; atMs: number }
  | { kind: "update-new" | "updates-confirmed" | "commands-set"; atMs: number };

export interface WaitOptions {
  /** Timeout in milliseconds of real time. Default 60,000. */
  timeoutMs?: number;
}

type StandInListener = (change: StandInChange) => void;

export interface Changes {
  emit(change: StandInChange): void;
  /** Calls `listener` after each change until the returned function is called. */
  onChange(listener: StandInListener): () => void;
  /**
   * Resolves with the first truthy value of `predicate`, which is evaluated now and after each change. Rejects when
   * `predicate` throws, and after the timeout with the newest calls in the message.
   */
  waitFor<T>(predicate: () => T, options?: WaitOptions): Promise<NonNullable<T>>;
}

const DEFAULT_WAIT_MS = 60_000;

/** `describe` returns the newest calls; it is called when a wait times out. */
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
    reject(new Error(`The awaited change did not happen within ${wait.timeoutMs} ms.\n${wait.describe()}`));
  }, wait.timeoutMs);
  check();
  return promise.finally(() => {
    clearTimeout(timer);
    stopListening();
  });
}
