/**
 * Case "faults": Telegram fails once in each reply, in four ways, at the first write, at one in the middle and at the one
 * that completes the reply; each combination in a chat of its own, all at once.
 *
 * An answer that never comes is left out: each subject has a time limit of its own for it, and it would take longer than
 * all else together.
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
  /** Replies in which the fault was met: of the others nothing is known. */
  met: number;
  /** Replies that stand whole in one message, with nothing else beside it than copies or beginnings of it. */
  right: number;
  /** Messages beyond the one that each reply fits into. */
  doubled: number;
  /** Of those, the ones that no lost answer of Telegram's to a send accounts for. */
  doubledElsewhere: number;
  /** The longest wait from the last token to a reply that is right; null when one never was. */
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

/** A reply of 3 s, which fits into one message. */
const REPLY_TOKENS = 180;
const MIDDLE = REPLY_TOKENS / 2;
const LIMIT_MS = 30_000;
/** How long it is watched whether a right reply is sent again: auto-retry waits 3 s, and 6 s where it was failed twice. */
const WATCH_MS = 8_000;

export function faultsCase(context: CaseContext): Promise<FaultResult[]> {
  const names = Object.keys(FAULTS) as FaultName[];
  return Promise.all(
    names.map(async (fault) => {
      const replies = await Promise.all(PLACES.map((place) => replyWith(context, fault, place)));
      return { fault, ...sumUp(replies) };
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

async function replyWith({ scene, seed }: CaseContext, fault: FaultName, place: Place): Promise<FaultyReply> {
  const tokens = plainTokens({ seed: `${seed} faults ${fault} ${place}`, count: REPLY_TOKENS });
  const question = scene.ask(scene.privateChat(), [{ tokens, perSecond: TOKENS_PER_SECOND }]);
  const isIt: Parameters<typeof scene.telegram.failNext>[0] = (call) =>
    call.chatId === question.chat.id && isAt(place, call, question) && !isMet(question, fault);
  // More than once: a call that is over a limit has no effect after which the connection could be reset.
  scene.telegram.failNext(isIt, FAULTS[fault], Number.POSITIVE_INFINITY);
  const rightAt = await scene.waitInChat(question.chat, () => (isRight(question) ? scene.now() : 0), LIMIT_MS);
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
  const isWhole = text.includes(lastWord);
  if (place === "middle") return tokenAt.length >= MIDDLE && !isWhole;
  // A draft, and a message under which the stop button still stands, completes nothing.
  return isWhole && call.method !== "sendMessageDraft" && !hasKeyboard(call);
}

/** What a call shows; undefined for one that shows no text. */
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

/** A message left behind may still show its button: whose id was never told cannot be edited. */
function isRight(question: Question): boolean {
  const messages = replyMessages(question);
  const shown = messages.map(({ text = "" }) => tokenNumbers(text));
  const isWhole = (index: number) => shown[index]?.length === REPLY_TOKENS && !messages[index]?.reply_markup;
  return shown.every(isBeginning) && messages.some((_, index) => isWhole(index));
}

function isBeginning(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => number === index + 1);
}

function sumUp(replies: readonly FaultyReply[]): Omit<FaultResult, "fault"> {
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
