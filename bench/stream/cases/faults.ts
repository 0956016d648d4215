/**
 * Case "faults": Telegram fails once in each reply. There are four faults, each at the first write, at a write in the middle and
 * at the final write. All combinations run at once, each in a chat of its own.
 *
 * Timeouts are not included: the subjects have different limits, and these would take longer than everything else together.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Fault } from "../../../sandbox/telegram/faults.ts";
import type { RecordedCall } from "../../../sandbox/telegram/world/call-log.ts";
import { rounded } from "../../report.ts";
import type { Question } from "../question.ts";
import { replyMessages } from "../staleness.ts";
import { plainTokens, tokenNumbers } from "../tokens.ts";
import { type CaseContext, TOKENS_PER_SECOND } from "./case.ts";

export interface FaultResult {
  fault: FaultName;
  replies: number;
  /** Replies in which the fault occurred. */
  met: number;
  /** Replies that are complete in one message. Other messages may only be copies or beginnings of it. */
  right: number;
  /** Messages in addition to the one that each reply needs. */
  doubled: number;
  /** Those that a lost response to a send does not explain. */
  doubledElsewhere: number;
  /** The longest time from the last token to a correct reply; null if some reply was never correct. */
  worstFinalMs: number | null;
}

const FAULTS = {
  "reset before": { kind: "drop-before" },
  "reset after": { kind: "drop-after" },
  "500 JSON": {
    kind: "http",
    status: 500,
    body: { ok: false, error_code: 500, description: "Internal Server Error" },
  },
  "502 HTML": { kind: "http", status: 502, body: "<html><h1>502 Bad Gateway</h1></html>" },
} as const satisfies Record<string, Fault>;
type FaultName = keyof typeof FAULTS;

const PLACES = ["first", "middle", "last"] as const;
type Place = (typeof PLACES)[number];

/** A reply of 3 s that fits into one message. */
const REPLY_TOKENS = 180;
const MIDDLE = REPLY_TOKENS / 2;
const LIMIT_MS = 30_000;
/** How long to watch for a repeated reply: auto-retry waits 3 s, and 6 s after two failures. */
const WATCH_MS = 8_000;

export function faultsCase(context: CaseContext): Promise<FaultResult[]> {
  const names = Object.keys(FAULTS) as FaultName[];
  return Promise.all(
    names.map(async (fault) => {
      const replies = await Promise.all(PLACES.map((place) => replyWith(context, fault, place)));
      return { fault, ...summarise(replies) };
    }),
  );
}

interface FaultyReply {
  isMet: boolean;
  isRight: boolean;
  doubled: number;
  lostSends: number;
  finalMs: number | null;
}

async function replyWith({ environment, seed }: CaseContext, fault: FaultName, place: Place): Promise<FaultyReply> {
  const tokens = plainTokens({ seed: `${seed} faults ${fault} ${place}`, count: REPLY_TOKENS });
  const question = environment.ask(environment.privateChat(), [{ tokens, perSecond: TOKENS_PER_SECOND }]);
  const matcher: Parameters<typeof environment.telegram.failNext>[0] = (call) =>
    call.chatId === question.chat.id && isAt(place, call, question) && !isMet(question, fault);
  // Not only once: a call refused with 429 has no effect, so a reset after it would not count.
  environment.telegram.failNext(matcher, FAULTS[fault], Number.POSITIVE_INFINITY);
  const rightAt = await environment.waitInChat(
    question.chat,
    () => (isRight(question) ? environment.now() : 0),
    LIMIT_MS,
  );
  await pause(WATCH_MS);
  return {
    isMet: isMet(question, fault),
    isRight: isRight(question),
    doubled: Math.max(0, replyMessages(question).length - 1),
    lostSends: question.calls.filter(isLostSend).length,
    finalMs: rightAt === undefined ? null : rounded(rightAt - (question.tokenAt.at(-1) ?? 0)),
  };
}

type Call = Pick<RecordedCall, "method" | "params">;

function isAt(place: Place, call: Call, { tokenAt, lastWord }: Question): boolean {
  const text = textOf(call);
  if (text === undefined) return false;
  if (place === "first") return true;
  const isComplete = text.includes(lastWord);
  if (place === "middle") return tokenAt.length >= MIDDLE && !isComplete;
  // A draft or a message with the stop button does not complete the reply.
  return isComplete && call.method !== "sendMessageDraft" && !hasKeyboard(call);
}

/** The text that a call shows; undefined if it shows none. */
function textOf({ params: { text, rich_message: rich } }: Call): string | undefined {
  const shown = typeof rich === "object" && rich !== null && "markdown" in rich ? rich.markdown : text;
  return typeof shown === "string" ? shown : undefined;
}

function hasKeyboard({ params: { reply_markup: markup } }: Call): boolean {
  const rows = typeof markup === "object" && markup !== null && "inline_keyboard" in markup && markup.inline_keyboard;
  return Array.isArray(rows) && rows.length > 0;
}

function isMet({ calls }: Question, fault: FaultName): boolean {
  return calls.some(
    ({ outcome }) =>
      outcome?.kind === "http" || (outcome?.kind === "dropped" && outcome.applied === (fault === "reset after")),
  );
}

function isLostSend({ method, outcome }: RecordedCall): boolean {
  const isSend = method === "sendMessage" || method === "sendRichMessage";
  return isSend && outcome?.kind === "dropped" && outcome.applied;
}

/** A duplicate may still have its button: without a response its id is unknown, so it cannot be edited. */
function isRight(question: Question): boolean {
  const messages = replyMessages(question);
  const shown = messages.map(({ text = "" }) => tokenNumbers(text));
  const isComplete = (index: number) => shown[index]?.length === REPLY_TOKENS && !messages[index]?.reply_markup;
  return shown.every(isBeginning) && messages.some((_, index) => isComplete(index));
}

function isBeginning(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => number === index + 1);
}

function summarise(replies: readonly FaultyReply[]): Omit<FaultResult, "fault"> {
  const sumOf = (figure: (reply: FaultyReply) => number) => replies.reduce((sum, reply) => sum + figure(reply), 0);
  const finals = replies.map(({ finalMs }) => finalMs);
  return {
    replies: replies.length,
    met: sumOf(({ isMet }) => Number(isMet)),
    right: sumOf((reply) => Number(reply.isRight)),
    doubled: sumOf(({ doubled }) => doubled),
    doubledElsewhere: sumOf(({ doubled, lostSends }) => Math.max(0, doubled - lostSends)),
    worstFinalMs: finals.includes(null) ? null : Math.max(...finals.filter((each) => each !== null)),
  };
}
