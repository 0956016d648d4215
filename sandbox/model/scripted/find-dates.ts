/**
 * Finds the days that a question names, in English and Vietnamese: `hôm qua`, `last Friday`, `14/11`, `14 November`.
 *
 * The day always comes before the month. A date without a year is the latest such day up to today.
 */

import { type DatePattern, daysFrom } from "./date-pattern.ts";
import { RELATIVE_DAY_PATTERNS } from "./relative-days.ts";
import { WEEKDAY_PATTERNS } from "./weekdays.ts";
import { WRITTEN_DATE_PATTERNS } from "./written-dates.ts";

export interface FoundDates {
  /** In the order of the text, without duplicates. */
  readonly dates: readonly Temporal.PlainDate[];
  /** Impossible dates such as `31/02`, as written. */
  readonly impossible: readonly string[];
  /** The text with all dates replaced by spaces. */
  readonly rest: string;
}

/** From the most to the least explicit form: text matched by one pattern is not offered to the later ones. */
const PATTERNS: readonly DatePattern[] = [...WRITTEN_DATE_PATTERNS, ...WEEKDAY_PATTERNS, ...RELATIVE_DAY_PATTERNS];

/** `text` must have passed through `fold`. */
export function findDates(text: string, today: Temporal.PlainDate): FoundDates {
  const hits: Hit[] = [];
  let rest = text;
  for (const { pattern, read } of PATTERNS) {
    for (const match of rest.matchAll(pattern)) {
      hits.push({ index: match.index, words: match[0].trim(), dates: read(match, today) });
    }
    rest = rest.replaceAll(pattern, (words) => " ".repeat(words.length));
  }
  hits.sort((one, other) => one.index - other.index);
  return {
    dates: withoutDuplicates(hits.flatMap((hit, index) => fillRange(text, hits[index - 1], hit))),
    impossible: hits.filter((hit) => hit.dates === null).map((hit) => hit.words),
    rest,
  };
}

interface Hit {
  readonly index: number;
  readonly words: string;
  readonly dates: readonly Temporal.PlainDate[] | null;
}

/** Maximum length of a range in days, so that a typing error does not produce a thousand days. */
const MAX_RANGE_DAYS = 31;

/** The days of a hit. After "to" or "đến" also the days between the previous hit and this one. */
function fillRange(text: string, before: Hit | undefined, hit: Hit): readonly Temporal.PlainDate[] {
  const first = before?.dates?.at(-1);
  const last = hit.dates?.[0];
  if (before === undefined || first === undefined || last === undefined) return hit.dates ?? [];
  const between = text.slice(before.index + before.words.length, hit.index);
  const days = first.until(last).days;
  if (!RANGE_WORD.test(between) || days < 1 || days > MAX_RANGE_DAYS) return hit.dates ?? [];
  return daysFrom(first, last);
}

const RANGE_WORD = /^ *(?:to|until|till|through|den|toi|-|–) *$/;

/** Each day once, in the order of first appearance. */
export function withoutDuplicates(dates: readonly Temporal.PlainDate[]): Temporal.PlainDate[] {
  return [...new Map(dates.map((date) => [date.toString(), date])).values()];
}
