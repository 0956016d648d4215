/** What a reply needs of the world: Telegram to show it in, and a store for how far it has come. */
import type { TelegramAnswer } from "../telegram/api-errors.ts";
import type { PageContent, PageToSend } from "./pages/page-diff.ts";

/** The calls that a reply makes; each answers what became of it and never throws. */
export interface ReplyTransport {
  send(page: PageToSend): Promise<SendAnswer>;
  edit(messageId: number, page: PageContent): Promise<TelegramAnswer>;
  remove(messageId: number): Promise<TelegramAnswer>;
  typing(): Promise<TelegramAnswer>;
  /** The chat has another id from now on. */
  migrate(telegramId: number): Promise<void>;
}

export type SendAnswer = { kind: "sent"; messageId: number } | TelegramAnswer;

/** What is kept of a reply; each retries until it is stored, and rejects when the reply belongs to another worker by now. */
export interface ReplyStore {
  /** A message is about to be sent: until it is known what came of it, it may stand there twice. */
  recordSending(): Promise<void>;
  /** It was surely not sent. */
  recordNotSent(): Promise<void>;
  /** It was sent: these are the reply's messages now. */
  savePages(telegramMessageIds: readonly number[]): Promise<void>;
  /** The end is about to be shown by an edit: rejects when it must not be, as for all the others. */
  confirm(): Promise<void>;
  markDelivered(): Promise<void>;
  markUndeliverable(reason: string): Promise<void>;
}
