/** Plans what to look up for a question, from the person's words only. */

import type { Conversation } from "./conversation.ts";
import { findDates, withoutDuplicates } from "./find-dates.ts";
import { fold } from "./language.ts";

export interface LookUp {
  readonly kind: "look-up";
  readonly wantsStock: boolean;
  /** Days whose revenue is looked up, at most `MAX_DAYS`. */
  readonly dates: readonly Temporal.PlainDate[];
  /** Impossible dates such as `31/02`, as written. */
  readonly impossible: readonly string[];
  /** The question asks for the revenue of a month or a year. */
  readonly isTooLong: boolean;
  /** The number of requested days beyond `MAX_DAYS`. */
  readonly leftOut: number;
}

export type SmallTalk = "greeting" | "thanks" | "not-understood";
export type Plan = LookUp | { readonly kind: SmallTalk };

/** Maximum number of days in one answer. */
export const MAX_DAYS = 7;

export function planAnswer(conversation: Conversation): Plan {
  const text = fold(conversation.question);
  const { dates, impossible, rest } = findDates(text, conversation.today);
  const wantsStock = STOCK.test(rest);
  const namesRevenue = REVENUE.test(rest);
  const namesDay = dates.length + impossible.length > 0;
  if (!wantsStock && !namesRevenue && !namesDay) return { kind: readSmallTalk(text) };

  // A day in a question about stock only ("what ran out today?") does not ask for revenue.
  const wantsRevenue = namesRevenue || !wantsStock;
  const isTooLong = wantsRevenue && !namesDay && LONG_PERIOD.test(rest);
  const isOpen = wantsRevenue && impossible.length === 0 && !isTooLong;
  const wanted = wantsRevenue ? completeDates(dates, text, isOpen ? conversation : null) : [];
  const leftOut = Math.max(0, wanted.length - MAX_DAYS);
  return { kind: "look-up", wantsStock, dates: wanted.slice(0, MAX_DAYS), impossible, isTooLong, leftOut };
}

const STOCK = new RegExp(
  [
    /\b(?:running|run|ran|sold) (?:out|low)\b|\bout of stock\b|\bstocks?\b|\binventory\b|\brestock\w*|\bre-?order\w*/,
    /\blow on\b|\b(?:is|are|we|what's) out\b|\b(?:what|anything|something)(?:'s| is)? (?:low|missing|left)\b|\bdo we have (?:enough|left)\b/,
    /\b(?:should|must|can|to|i|we) (?:order|buy)\b|\bpurchase\b/,
    /\b(?:sap|da|bi|dang) het\b|\bhet (?:\w+ ){1,3}chua\b|\bhet (?:hang|gi|mon|chua|roi|nguyen lieu)\b|\bton kho\b|\bhang ton\b|\bkho con\b/,
    /\b(?:can|nen|phai) (?:nhap|mua|dat)\b|\bnhap (?:hang|them|gi)\b|\b(?:dat|mua) (?:hang|them)\b/,
    /\bthieu\b|\bcon hang\b|\bcon (?:lai )?bao nhieu\b|\b(?:gi|nao) (?:sap |da )?het\b/,
  ]
    .map((each) => each.source)
    .join("|"),
);

const REVENUE = new RegExp(
  [
    /\brevenues?\b|\bsales\b|\bsell\b|\bsold\b(?! out)|\bprofits?\b|\bearn(?:ed|ings?)?\b|\bturnover\b|\btakings\b|\bincome\b/,
    /\bmoney\b|\bmargin\b|\bhow many orders\b|\border count\b|\bdid (?:we|i) make\b|\bhow (?:did|was|were|is|are) (?:we|it|things|business|the day)\b/,
    /\bwhat about\W*$|\bhow (?:was|were|did)\b(?!.*\bstock)/,
    /\bdoanh (?:thu|so)\b|\bloi nhuan\b|\bban (?:duoc|the nao|ra sao|bao nhieu|hang the nao)\b|\bbuon ban\b|\bthu nhap\b/,
    /\bbao nhieu (?:tien|don)\b|\btien (?:lai|ve)\b|\bkinh doanh\b|\bthu (?:ve|duoc)\b/,
  ]
    .map((each) => each.source)
    .join("|"),
);

/** Applied after the dates have been removed from the text. */
const LONG_PERIOD =
  /\bmonth|\bquarter|\byear|\bsince\b|\b(?:in|of|for) (?:march|may)\b|\b(?:january|february|april|june|july|august|september|october|november|december)\b|\bthang\b|\b(?:nam|quy) (?:nay|truoc|ngoai|qua|\d)/;

const SMALL_TALK: readonly { readonly kind: SmallTalk; readonly words: RegExp }[] = [
  { kind: "thanks", words: /\b(?:thanks|thank you|cam on)\b/ },
  {
    kind: "greeting",
    words:
      /^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening)|help|start|xin chao|chao|alo|giup)\b|\bwhat can you do\b|\bwho are you\b|\bban la ai\b|\blam (?:duoc )?gi\b/,
  },
];

function readSmallTalk(text: string): SmallTalk {
  return SMALL_TALK.find(({ words }) => words.test(text))?.kind ?? "not-understood";
}

const COMPARES = /\bcompar|\bversus\b|\bvs\b|\bso (?:sanh|voi)\b/;
const FOLLOWS = /^\W*(?:and|what about|how about|con|va|the con|vay)\b/;

/**
 * The days that a question means. "Compare with Monday" also means the days of the earlier question, and "and the profit?"
 * means only those. A question without any day means today. Without a conversation only the found days count.
 */
function completeDates(
  found: readonly Temporal.PlainDate[],
  text: string,
  conversation: Conversation | null,
): readonly Temporal.PlainDate[] {
  if (conversation === null) return found;
  if (found.length === 1 && COMPARES.test(text))
    return withoutDuplicates([...found, ...findEarlierDates(conversation)]);
  if (found.length > 0) return found;
  const earlier = FOLLOWS.test(text) ? findEarlierDates(conversation) : [];
  return earlier.length > 0 ? earlier : [conversation.today];
}

/** The days of the most recent earlier question that named any. */
function findEarlierDates({ earlierQuestions, today }: Conversation): readonly Temporal.PlainDate[] {
  return earlierQuestions.map((each) => findDates(fold(each), today).dates).find((dates) => dates.length > 0) ?? [];
}
