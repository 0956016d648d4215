/** What a reply needs from outside: Telegram to show it, and a store for its delivery state. */
import type { TelegramAnswer } from "../telegram/api-errors.ts";
import type { PageContent, PageToSend } from "./pages/page-diff.ts";

/** The calls of a reply. Each resolves with Telegram's answer and never rejects. */
export interface ReplyTransport {
  send(page: PageToSend): Promise<SendAnswer>;
  edit(messageId: number, page: PageContent): Promise<TelegramAnswer>;
  remove(messageId: number): Promise<TelegramAnswer>;
  typing(): Promise<TelegramAnswer>;
  /** The chat has another id from now on. */
  migrate(telegramId: number): Promise<void>;
}

export type SendAnswer = { kind: "sent"; messageId: number } | TelegramAnswer;

/** The stored state of a reply. Each write is retried until it is stored, and rejects if another worker holds the reply. */
export interface ReplyStore {
  /** A message is about to be sent: until the result is known, it may be duplicated. */
  recordSending(): Promise<void>;
  /** It was certainly not sent. */
  recordNotSent(): Promise<void>;
  /** It was sent: these are the messages of the reply now. */
  savePages(telegramMessageIds: readonly number[]): Promise<void>;
  /** Checks that this worker still holds the reply, before an edit shows the end. */
  confirm(): Promise<void>;
  markDelivered(): Promise<void>;
  markUndeliverable(reason: string): Promise<void>;
}
