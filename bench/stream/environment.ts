/**
 * The scene of the stream benchmark: Telegram's and the model's stand-in in one process, so that one clock measures both.
 *
 * It asks questions, plays the model's planned answers and records when each token left and what each chat shows. Which
 * bot answers is not known here.
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

/** There and back to Telegram, in milliseconds. */
export const LATENCY_MS = 80;
export const BOT_TOKEN = "4243:token-of-the-benchmark";
/** People's Telegram ids go up from here: a subject that lets only known people in can know them. */
export const FIRST_PERSON_ID = 10_000;
export const MOST_PEOPLE = 3_000;

export interface Scene {
  readonly telegram: TelegramStandIn;
  readonly model: ModelStandIn;
  /** The one clock, in milliseconds since the epoch, with fractions. */
  now(): number;
  /** A person who never wrote before, in a chat with the bot. */
  privateChat(): StandInChat;
  /** A group of one such person and the bot; a supergroup unless said otherwise. */
  group(type?: "group" | "supergroup"): StandInChat;
  /** Sends a question into the chat; the model answers it as planned. */
  ask(chat: StandInChat, plan: Plan): Question;
  /** Resolves when the reply stands complete, with true; with false when that takes longer than `timeoutMs`. */
  waitUntilComplete(question: Question, timeoutMs: number): Promise<boolean>;
  /** The first truthy value, evaluated now and after each change in this chat; undefined when `timeoutMs` has passed. */
  waitInChat<T>(chat: StandInChat, look: () => T, timeoutMs: number): Promise<T | undefined>;
  /** Streams that the model has open now, and the most at once so far. */
  openStreams(): { now: number; most: number };
  close(): Promise<void>;
}

export interface SceneOptions {
  /** Telegram's, or none at all. */
  limits: "telegram" | "none";
}

/** Starts both stand-ins. */
export async function createScene({ limits }: SceneOptions): Promise<Scene> {
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
    if (people > MOST_PEOPLE) throw new Error("the benchmark has more people than its subjects know");
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
      const isComplete = await chats.waitInChat(question.chat, () => isShownWhole(question), timeoutMs);
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

/** The questions by the mark that each carries in its text, which comes back in the model's requests. */
function createQuestions(now: () => number) {
  const byMark = new Map<number, Question>();
  const byRequest = new WeakMap<ModelRequest, Question>();
  const open = { now: 0, most: 0 };
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
      if (!question) throw new Error("a request without a question of the benchmark");
      const entry: Question["requests"][number] = { atMs: now(), abortedAtMs: null };
      question.requests.push(entry);
      byRequest.set(request, question);
      void request.whenAborted.then(() => {
        entry.abortedAtMs = now();
        open.now -= 1;
      });
      open.now += 1;
      open.most = Math.max(open.most, open.now);
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
  if (!turn) throw new Error("a question whose answer nobody planned");
  return turn;
}

function partsOf(turn: PlannedTurn): TurnPart[] {
  const call: TurnPart[] = turn.call === undefined ? [] : [{ kind: "call", name: turn.call, arguments: {} }];
  return [{ kind: "text", text: paced(turn.tokens, turn) }, ...call];
}

/** What happens in each chat: its calls, and who waits for a change in it. One listener, however many chats there are. */
function createChatRecords(telegram: TelegramStandIn) {
  const calls = new Map<number, RecordedCall[]>();
  const waiting = new Map<number, Set<() => void>>();
  const callsOf = (chatId: number) => {
    const list = calls.get(chatId) ?? [];
    calls.set(chatId, list);
    return list;
  };
  telegram.onChange((change: StandInChange) => {
    if (change.kind === "call-start" && change.call.chatId !== undefined) callsOf(change.call.chatId).push(change.call);
    if (!("chatId" in change)) return;
    for (const look of [...(waiting.get(change.chatId) ?? [])]) look();
  });
  return {
    callsOf,
    waitInChat<T>(chat: StandInChat, look: () => T, timeoutMs: number): Promise<T | undefined> {
      const { promise, resolve } = Promise.withResolvers<T | undefined>();
      const lookers = waiting.get(chat.id) ?? new Set();
      waiting.set(chat.id, lookers);
      const check = () => {
        const value = look();
        if (!value) return;
        resolve(value);
      };
      lookers.add(check);
      const timer = setTimeout(() => resolve(undefined), timeoutMs);
      check();
      return promise.finally(() => {
        clearTimeout(timer);
        lookers.delete(check);
      });
    },
  };
}

function isShownWhole(question: Question): boolean {
  const reply = replyMessages(question);
  return !reply.some((message) => message.reply_markup !== undefined) && visibleText(reply).includes(question.lastWord);
}
