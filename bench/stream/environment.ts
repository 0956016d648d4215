/**
 * The environment of the stream benchmark: both stand-ins in one process, so that one clock measures everything.
 *
 * It asks questions, sends the model's planned answers, and records when each token was sent and what each chat shows. It does
 * not know which bot answers.
 */
import { createModelStandIn, type ModelStandIn } from "../../sandbox/model/model-stand-in.ts";
import type { ModelRequest, TurnPart } from "../../sandbox/model/turn.ts";
import { createTelegramStandIn, type TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { RecordedCall } from "../../sandbox/telegram/world/call-log.ts";
import type { StandInChange } from "../../sandbox/telegram/world/changes.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import { paced } from "./pace.ts";
import { PEER_METHODS } from "./peer-methods.ts";
import { type Plan, type PlannedTurn, type Question, tokensOf } from "./question.ts";
import { replyMessages, visibleText } from "./staleness.ts";
import { lastWordOf } from "./tokens.ts";

/** Round-trip time to Telegram in milliseconds. */
export const LATENCY_MS = 80;
export const BOT_TOKEN = "4243:token-of-the-benchmark";
/** The Telegram ids of people start here, so that a subject which only accepts known people can know them. */
export const FIRST_PERSON_ID = 10_000;
export const MAX_PEOPLE = 3_000;

export interface Environment {
  readonly telegram: TelegramStandIn;
  readonly model: ModelStandIn;
  /** The common clock: milliseconds since the epoch, with fractions. */
  now(): number;
  /** Creates a person and their private chat with the bot. */
  privateChat(): StandInChat;
  /** Creates a group of one person and the bot. Default: a supergroup. */
  group(type?: "group" | "supergroup"): StandInChat;
  /** Sends a question into the chat. The model answers it as planned. */
  ask(chat: StandInChat, plan: Plan): Question;
  /** Resolves with true when the reply is complete, or with false after `timeoutMs`. */
  waitUntilComplete(question: Question, timeoutMs: number): Promise<boolean>;
  /** Resolves with the first truthy value of `evaluate`, called now and after each change in this chat; undefined after `timeoutMs`. */
  waitInChat<T>(chat: StandInChat, evaluate: () => T, timeoutMs: number): Promise<T | undefined>;
  /** The number of open model streams, and its maximum so far. */
  openStreams(): { now: number; most: number };
  close(): Promise<void>;
}

export interface EnvironmentOptions {
  /** Telegram's limits or none. */
  limits: "telegram" | "none";
}

/** Starts both stand-ins. */
export async function createEnvironment({ limits }: EnvironmentOptions): Promise<Environment> {
  const now = () => performance.timeOrigin + performance.now();
  const telegram = await createTelegramStandIn({
    token: BOT_TOKEN,
    latencyMs: LATENCY_MS,
    now,
    methods: PEER_METHODS,
    ...(limits === "none" ? { limits } : {}),
  });
  const questions = createQuestions(now);
  const model = await createModelStandIn({ answer: questions.answer, onSent: questions.onSent });
  const chats = createChatRecords(telegram);
  let people = 0;
  const person = () => {
    people += 1;
    if (people > MAX_PEOPLE) throw new Error("the benchmark has more people than its subjects know");
    return telegram.person({ id: FIRST_PERSON_ID + people - 1, first_name: "Lan", language_code: "en" });
  };
  return {
    telegram,
    model,
    now,
    privateChat: () => telegram.privateChat(person()),
    group: (type = "supergroup") => telegram.group({ title: "Counter", members: [person()], type }),
    ask: (chat, plan) => questions.ask(chat, plan, chats.callsOf(chat.id)),
    waitInChat: chats.waitInChat,
    async waitUntilComplete(question, timeoutMs) {
      const isComplete = await chats.waitInChat(question.chat, () => isReplyComplete(question), timeoutMs);
      if (isComplete) question.completedAt ??= now();
      return isComplete === true;
    },
    openStreams: questions.openStreams,
    async close() {
      await model.close();
      await telegram.close();
    },
  };
}

/** Stores questions. Each has a mark in its text, which identifies it in model requests. */
function createQuestions(now: () => number) {
  const byMark = new Map<number, Question>();
  const byRequest = new WeakMap<ModelRequest, Question>();
  const open = { now: 0, most: 0 };
  const startRequest = (question: Question, request: ModelRequest) => {
    const entry: Question["requests"][number] = { atMs: now(), abortedAtMs: null };
    question.requests.push(entry);
    byRequest.set(request, question);
    void request.whenAborted.then(() => {
      entry.abortedAtMs = now();
      open.now -= 1;
    });
    open.now += 1;
    open.most = Math.max(open.most, open.now);
  };
  return {
    openStreams: () => ({ ...open }),
    ask(chat: StandInChat, plan: Plan, calls: readonly RecordedCall[]): Question {
      const mark = byMark.size + 1;
      const mention = chat.chat.type === "private" ? "" : "@counterhand_sandbox_bot ";
      const askedAt = now();
      const { message_id: messageId } = chat.send(`${mention}tell me a long story, ask-${mark}`);
      const recorded = { requests: [], tokenAt: [], onToken: null, completedAt: null };
      const lastWord = lastWordOf(tokensOf(plan).join(""));
      const question: Question = { chat, plan, lastWord, askedAt, messageId, calls, ...recorded };
      byMark.set(mark, question);
      return question;
    },
    answer(request: ModelRequest) {
      const question = byMark.get(lastMark(request));
      if (!question) throw new Error("the request has no question of the benchmark");
      startRequest(question, request);
      return { parts: partsOf(turnOf(question)) };
    },
    onSent(request: ModelRequest, event: { type: string }) {
      if (event.type === "response.completed") open.now -= 1;
      if (event.type !== "response.output_text.delta") return;
      const question = byRequest.get(request);
      if (!question) return;
      question.tokenAt.push(now());
      question.onToken?.(question.tokenAt.length - 1);
    },
  };
}

function lastMark({ body }: ModelRequest): number {
  const marks = [...JSON.stringify(body.input).matchAll(/ask-(\d+)/g)];
  return Number(marks.at(-1)?.[1]);
}

function turnOf({ plan, requests }: Question): PlannedTurn {
  const turn = plan[Math.min(requests.length, plan.length) - 1];
  if (!turn) throw new Error("the question has no planned answer");
  return turn;
}

function partsOf(turn: PlannedTurn): TurnPart[] {
  const call: TurnPart[] = turn.call === undefined ? [] : [{ kind: "call", name: turn.call, arguments: {} }];
  return [{ kind: "text", text: paced(turn.tokens, turn) }, ...call];
}

/** Records the calls of each chat, and notifies waiters of its changes. There is one listener for all chats. */
function createChatRecords(telegram: TelegramStandIn) {
  const calls = new Map<number, RecordedCall[]>();
  const waiters = new Map<number, Set<() => void>>();
  const callsOf = (chatId: number) => {
    const list = calls.get(chatId) ?? [];
    calls.set(chatId, list);
    return list;
  };
  telegram.onChange((change: StandInChange) => {
    if (change.kind === "call-start" && change.call.chatId !== undefined) callsOf(change.call.chatId).push(change.call);
    if (!("chatId" in change)) return;
    for (const check of [...(waiters.get(change.chatId) ?? [])]) check();
  });
  return {
    callsOf,
    waitInChat<T>(chat: StandInChat, evaluate: () => T, timeoutMs: number): Promise<T | undefined> {
      const { promise, resolve } = Promise.withResolvers<T | undefined>();
      const checks = waiters.get(chat.id) ?? new Set();
      waiters.set(chat.id, checks);
      const check = () => {
        const value = evaluate();
        if (value) resolve(value);
      };
      checks.add(check);
      const timer = setTimeout(() => resolve(undefined), timeoutMs);
      check();
      return promise.finally(() => {
        clearTimeout(timer);
        checks.delete(check);
      });
    },
  };
}

function isReplyComplete(question: Question): boolean {
  const reply = replyMessages(question);
  return !reply.some((message) => message.reply_markup !== undefined) && visibleText(reply).includes(question.lastWord);
}
