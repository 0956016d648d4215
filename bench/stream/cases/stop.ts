/**
 * Case "stop": the stop button while text streams and while a tool runs, and /stop while a second question is queued. Only for
 * the product: the libraries cannot stop an answer.
 */
import { setTimeout as pause } from "node:timers/promises";
import { rounded } from "../../report.ts";
import type { Plan, Question } from "../question.ts";
import { replyMessages, visibleText } from "../staleness.ts";
import { lockProducts } from "../table-lock.ts";
import { plainTokens } from "../tokens.ts";
import { type CaseContext, type NotSupported, TOKENS_PER_SECOND, tokenReached, usualTurn } from "./case.ts";

export interface StopResult {
  /** Time from the press to the abort of the model request, including 40 ms to the bot; null if no request was open. */
  abortedMs: number | null;
  /** Time from the press until the reply is marked as stopped and has no button; null if that never happened. */
  markedMs: number | null;
}

export interface StopResults {
  whileStreaming: StopResult;
  whileToolRuns: StopResult;
  whileQueued: StopResult & { hasSecondReachedModel: boolean };
}

const PRESS_AT = 200;
const BEFORE_TOOL = 60;
const PRESS_AFTER_CALL_MS = 2_000;
const LIMIT_MS = 20_000;
/** How long to watch whether a stopped question is answered anyway. */
const WATCH_MS = 3_000;
const STOPPED = "Stopped.";

export async function stopCase(context: CaseContext): Promise<StopResults | NotSupported> {
  if (context.running.subject.name !== "ours") return { notSupported: "no stop button" };
  const [whileStreaming, whileToolRuns, whileQueued] = await Promise.all([
    stopStreaming(context),
    stopTool(context),
    stopQueued(context),
  ]);
  return { whileStreaming, whileToolRuns, whileQueued };
}

async function stopStreaming(context: CaseContext): Promise<StopResult> {
  const { environment, seed } = context;
  const question = environment.ask(environment.privateChat(), [usualTurn(`${seed} stop`)]);
  await tokenReached(question, PRESS_AT);
  return press(context, question);
}

async function stopTool(context: CaseContext): Promise<StopResult> {
  const { environment, seed, running } = context;
  const unlock = await lockProducts(running.dataDir);
  const tokens = plainTokens({ seed: `${seed} stop tool`, count: BEFORE_TOOL });
  const plan: Plan = [{ tokens, perSecond: TOKENS_PER_SECOND, call: "CheckOutOfStock" }];
  const question = environment.ask(environment.privateChat(), plan);
  await tokenReached(question, BEFORE_TOOL);
  await pause(PRESS_AFTER_CALL_MS);
  const result = await press(context, question);
  await unlock();
  return result;
}

async function stopQueued({ environment, seed }: CaseContext): Promise<StopResults["whileQueued"]> {
  const chat = environment.privateChat();
  const first = environment.ask(chat, [usualTurn(`${seed} stop first`)]);
  const second = environment.ask(chat, [usualTurn(`${seed} stop second`)]);
  await tokenReached(first, PRESS_AT);
  const stoppedAt = environment.now();
  chat.send("/stop");
  const markedAt = await environment.waitInChat(chat, () => (isMarked(first) ? environment.now() : 0), LIMIT_MS);
  await pause(WATCH_MS);
  return {
    abortedMs: since(stoppedAt, first.requests[0]?.abortedAtMs),
    markedMs: since(stoppedAt, markedAt),
    hasSecondReachedModel: second.requests.length > 0,
  };
}

async function press({ environment }: CaseContext, question: Question): Promise<StopResult> {
  const { chat } = question;
  const withButton = replyMessages(question).findLast((message) => message.reply_markup !== undefined);
  const button = withButton?.reply_markup?.inline_keyboard[0]?.[0];
  if (!withButton || !button) throw new Error("the reply has no stop button");
  const wasOpen = question.requests.at(-1)?.abortedAtMs === null && question.plan[0]?.call === undefined;
  const pressedAt = environment.now();
  chat.press(withButton, button.text);
  const markedAt = await environment.waitInChat(chat, () => (isMarked(question) ? environment.now() : 0), LIMIT_MS);
  return {
    abortedMs: wasOpen ? since(pressedAt, question.requests.at(-1)?.abortedAtMs) : null,
    markedMs: since(pressedAt, markedAt),
  };
}

function isMarked(question: Question): boolean {
  const messages = replyMessages(question);
  return !messages.some(({ reply_markup }) => reply_markup) && visibleText(messages).includes(STOPPED);
}

function since(startMs: number, endMs: number | null | undefined): number | null {
  return endMs ? rounded(endMs - startMs) : null;
}
