/**
 * Case "gone": during a reply its message is deleted, the bot is blocked, the chat disappears, or the group is upgraded to a
 * supergroup. How many useless calls follow, and does the reply continue in the new chat?
 */
import { setTimeout as pause } from "node:timers/promises";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import type { Question } from "../question.ts";
import { replyMessages, visibleText } from "../staleness.ts";
import { tokenNumbers } from "../tokens.ts";
import { type CaseContext, type NotSupported, TOKENS, tokenReached, usualTurn } from "./case.ts";

export interface GoneResult {
  /** Calls that reached Telegram in the next 10 s, including one in flight. */
  callsAfter: number;
  /** Those that Telegram refused. */
  refusedAfter: number;
}

export interface UpgradeResult extends GoneResult {
  /** Whether the new chat shows every word once and in order, without a button. */
  isWholeInNewChat: boolean;
  /** Messages in the new chat. The text fits into one. */
  messagesInNewChat: number;
}

export interface GoneResults {
  messageDeleted: GoneResult | NotSupported;
  botBlocked: GoneResult;
  chatGone: GoneResult;
  /** The calls to the old chat. */
  groupUpgraded: UpgradeResult | NotSupported;
}

/** A third of the reply: 6.7 s remain. */
const AT_TOKEN = 200;
const WATCH_MS = 10_000;
/** Limit for the complete reply in the new chat, from the upgrade. */
const NEW_CHAT_LIMIT_MS = 30_000;

export async function goneCase(context: CaseContext): Promise<GoneResults> {
  const [messageDeleted, botBlocked, chatGone, groupUpgraded] = await Promise.all([
    deleteMessage(context),
    blockBot(context),
    loseChat(context),
    upgradeGroup(context),
  ]);
  return { messageDeleted, botBlocked, chatGone, groupUpgraded };
}

async function deleteMessage(context: CaseContext): Promise<GoneResult | NotSupported> {
  const question = await streamIn(context, context.environment.privateChat());
  const message = replyMessages(question).at(-1);
  if (!message) return { notSupported: "the reply is a draft until its end and cannot be deleted" };
  question.chat.deleteMessage(message);
  return watch(context, question);
}

async function blockBot(context: CaseContext): Promise<GoneResult> {
  const question = await streamIn(context, context.environment.privateChat());
  question.chat.block();
  return watch(context, question);
}

async function loseChat(context: CaseContext): Promise<GoneResult> {
  const question = await streamIn(context, context.environment.privateChat());
  const body = { ok: false, error_code: 400, description: "Bad Request: chat not found" };
  const isThisChat = ({ chatId }: { chatId: number | undefined }) => chatId === question.chat.id;
  context.environment.telegram.failNext(isThisChat, { kind: "http", status: 400, body }, Number.POSITIVE_INFINITY);
  return watch(context, question);
}

async function upgradeGroup(context: CaseContext): Promise<UpgradeResult | NotSupported> {
  const { environment, running } = context;
  if (running.subject.name === "grammy-stream") return { notSupported: "drafts are for private chats only" };
  const question = await streamIn(context, environment.group("group"));
  const upgraded = question.chat.migrate();
  const [calls] = await Promise.all([
    watch(context, question),
    environment.waitInChat(upgraded, () => isComplete(upgraded), NEW_CHAT_LIMIT_MS),
  ]);
  return { ...calls, isWholeInNewChat: isComplete(upgraded), messagesInNewChat: upgraded.botMessages().length };
}

/** Resolves in the middle of the reply. */
async function streamIn({ environment, seed }: CaseContext, chat: StandInChat): Promise<Question> {
  const question = environment.ask(chat, [usualTurn(`${seed} gone ${chat.id}`)]);
  await tokenReached(question, AT_TOKEN);
  return question;
}

async function watch({ environment }: CaseContext, question: Question): Promise<GoneResult> {
  const since = environment.now();
  await pause(WATCH_MS);
  const after = question.calls.filter(({ startedAtMs }) => startedAtMs > since && startedAtMs <= since + WATCH_MS);
  const refused = after.filter(({ outcome }) => outcome?.kind === "refused" || outcome?.kind === "http");
  return { callsAfter: after.length, refusedAfter: refused.length };
}

function isComplete(chat: StandInChat): boolean {
  const messages = chat.botMessages();
  const numbers = tokenNumbers(visibleText(messages));
  const hasAllTokens = numbers.length === TOKENS && numbers.every((number, index) => number === index + 1);
  return hasAllTokens && !messages.some(({ reply_markup }) => reply_markup !== undefined);
}
