/**
 * Case "gone": in the middle of a reply its message is deleted, the bot is blocked, the chat is gone, the group becomes a
 * supergroup. How often is Telegram called for nothing afterwards, and does the reply go on in the new chat?
 */
import { setTimeout as pause } from "node:timers/promises";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import type { Question } from "../question.ts";
import { replyMessages, visibleText } from "../staleness.ts";
import { tokenNumbers } from "../tokens.ts";
import { type CaseContext, type NotSupported, TOKENS, tokenReached, usualTurn } from "./case.ts";

export interface GoneResult {
  /** Calls that reached Telegram in the 10 s after, one that was under way included. */
  callsAfter: number;
  /** Of those, the ones that Telegram refused. */
  refusedAfter: number;
}

export interface UpgradeResult extends GoneResult {
  /** Whether the new chat shows every word, once and in order, and no button. */
  isWholeInNewChat: boolean;
  /** Messages in the new chat; the text fits into one. */
  messagesInNewChat: number;
}

export interface GoneResults {
  messageDeleted: GoneResult | NotSupported;
  botBlocked: GoneResult;
  chatGone: GoneResult;
  /** The calls are those to the old chat. */
  groupUpgraded: UpgradeResult | NotSupported;
}

/** A third of the reply: 6.7 s of it are still to come. */
const AT_TOKEN = 200;
const WATCH_MS = 10_000;
/** From the upgrade, for the whole reply to stand in the new chat. */
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
  const question = await streamIn(context, context.scene.privateChat());
  const message = replyMessages(question).at(-1);
  if (!message) return { notSupported: "until its end a reply is a draft, which nobody can delete" };
  question.chat.deleteMessage(message);
  return watch(context, question);
}

async function blockBot(context: CaseContext): Promise<GoneResult> {
  const question = await streamIn(context, context.scene.privateChat());
  question.chat.block();
  return watch(context, question);
}

async function loseChat(context: CaseContext): Promise<GoneResult> {
  const question = await streamIn(context, context.scene.privateChat());
  const body = { ok: false, error_code: 400, description: "Bad Request: chat not found" };
  const isIt = ({ chatId }: { chatId: number | undefined }) => chatId === question.chat.id;
  context.scene.telegram.failNext(isIt, { kind: "http", status: 400, body }, Number.POSITIVE_INFINITY);
  return watch(context, question);
}

async function upgradeGroup(context: CaseContext): Promise<UpgradeResult | NotSupported> {
  const { scene, running } = context;
  if (running.subject.name === "grammy-stream") return { notSupported: "drafts are for private chats only" };
  const question = await streamIn(context, scene.group("group"));
  const upgraded = question.chat.migrate();
  const [calls] = await Promise.all([
    watch(context, question),
    scene.waitInChat(upgraded, () => isWhole(upgraded), NEW_CHAT_LIMIT_MS),
  ]);
  return { ...calls, isWholeInNewChat: isWhole(upgraded), messagesInNewChat: upgraded.botMessages().length };
}

/** Resolves in the middle of the reply. */
async function streamIn({ scene, seed }: CaseContext, chat: StandInChat): Promise<Question> {
  const question = scene.ask(chat, [usualTurn(`${seed} gone ${chat.id}`)]);
  await tokenReached(question, AT_TOKEN);
  return question;
}

async function watch({ scene }: CaseContext, question: Question): Promise<GoneResult> {
  const since = scene.now();
  await pause(WATCH_MS);
  const after = question.calls.filter(({ startedAtMs }) => startedAtMs > since && startedAtMs <= since + WATCH_MS);
  const refused = after.filter(({ outcome }) => outcome?.kind === "refused" || outcome?.kind === "http");
  return { callsAfter: after.length, refusedAfter: refused.length };
}

function isWhole(chat: StandInChat): boolean {
  const messages = chat.botMessages();
  const numbers = tokenNumbers(visibleText(messages));
  const isRight = numbers.length === TOKENS && numbers.every((number, index) => number === index + 1);
  return isRight && !messages.some(({ reply_markup }) => reply_markup !== undefined);
}
