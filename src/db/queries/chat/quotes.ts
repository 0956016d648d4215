/**
 * What a person replies to: one of our messages, found by its id in Telegram, or what Telegram sends along of another one.
 *
 * A role is stored with it, not a decision: whoever asks later, or asks again, reads only what their own role may see.
 */
import { and, arrayContains, desc, eq } from "drizzle-orm";
import { STAFF_ROLES, type StaffRole } from "../../../shop/roles.ts";
import { shorten } from "../../../shop/shorten.ts";
import type { Db } from "../../client.ts";
import { messages, replies, runs, threads } from "../../schema/index.ts";
import { type ChatAddress, findChat } from "./places.ts";

/** What Telegram says of the message that a person replies to. */
export interface IncomingQuote {
  /** Telegram's ids of the message and its chat; null when Telegram does not tell where it is. */
  message: { telegramId: number; chatTelegramId: number } | null;
  isFromBot: boolean;
  /** The part that the person selected; null for none. */
  selected: string | null;
  /** The text that Telegram sends along; null for none. */
  text: string | null;
}

/** The columns of a message that has a quote. */
export type StoredQuote = Pick<
  typeof messages.$inferSelect,
  "quoteText" | "quoteContext" | "quoteMessageId" | "quoteVisibleTo"
>;

/** Characters of a quoted text that are stored: one whole message of Telegram's. */
export const MAX_QUOTE_CHARACTERS = 4_096;

/** The role for a message of ours of which nothing is known: it may be an answer to the owner. */
const HIGHEST_ROLE = STAFF_ROLES.at(-1) as StaffRole;

/** The columns for a quote; undefined when nothing is quoted that could be read. */
export async function readQuote(
  db: Db,
  address: ChatAddress,
  quote: IncomingQuote | null | undefined,
): Promise<StoredQuote | undefined> {
  if (!quote) return undefined;
  const found = await findQuoted(db, address, quote);
  const whole = wholeText(found?.text ?? null, quote.text);
  const text = quote.selected ?? whole;
  if (text === null) return undefined;
  return {
    quoteText: shorten(text, MAX_QUOTE_CHARACTERS),
    quoteContext: whole === null || whole === text ? null : shorten(whole, MAX_QUOTE_CHARACTERS),
    quoteMessageId: found?.messageId ?? null,
    quoteVisibleTo: found ? found.visibleTo : isPublic(address, quote) ? null : HIGHEST_ROLE,
  };
}

/** Of a long answer, the page that the person sees is of more use than its beginning. */
function wholeText(stored: string | null, sent: string | null): string | null {
  return stored === null || stored.length > MAX_QUOTE_CHARACTERS ? (sent ?? stored) : stored;
}

/** Others' messages, and the bot's sentences in a private chat. In a group, an unknown one may be an answer for a higher role. */
function isPublic(address: ChatAddress, { isFromBot, message }: IncomingQuote): boolean {
  if (!isFromBot) return true;
  return address.type === "private" && message?.chatTelegramId === address.telegramId;
}

interface Quoted {
  /** Null for an answer that is not complete yet. */
  messageId: string | null;
  text: string | null;
  visibleTo: StaffRole;
}

async function findQuoted(db: Db, address: ChatAddress, { message }: IncomingQuote): Promise<Quoted | undefined> {
  if (!message || address.type === "terminal") return undefined;
  const chat = await findChat(db, { ...address, telegramId: message.chatTelegramId });
  if (!chat) return undefined;
  return (await findAnswer(db, chat.id, message.telegramId)) ?? findQuestion(db, chat.id, message.telegramId);
}

async function findAnswer(db: Db, chatId: string, telegramMessageId: number): Promise<Quoted | undefined> {
  const [found] = await db
    .select({ messageId: messages.id, text: messages.text, visibleTo: runs.askerRole })
    .from(replies)
    .innerJoin(runs, eq(runs.id, replies.runId))
    .leftJoin(messages, and(eq(messages.runId, runs.id), eq(messages.role, "assistant")))
    .where(and(eq(replies.chatId, chatId), arrayContains(replies.telegramMessageIds, [telegramMessageId])))
    .orderBy(desc(replies.number))
    .limit(1);
  return found;
}

/** The newest one: a question that was asked again with the retry button has the same Telegram message id. */
async function findQuestion(db: Db, chatId: string, telegramMessageId: number): Promise<Quoted | undefined> {
  const [found] = await db
    .select({ messageId: messages.id, text: messages.text, visibleTo: messages.visibleTo })
    .from(messages)
    .innerJoin(threads, eq(threads.id, messages.threadId))
    .where(
      and(eq(threads.chatId, chatId), eq(messages.telegramMessageId, telegramMessageId), eq(messages.role, "user")),
    )
    .orderBy(desc(messages.createdAt), desc(messages.id))
    .limit(1);
  return found;
}
