/** Patterns for days relative to today: `yesterday`, `hôm kia`, `3 days ago`, `last 3 days`, `this week`, `tuần trước`. */

import { type DatePattern, daysFrom, groupsOf, mondayOf } from "./date-pattern.ts";

const NUMBER = "(?<number>\\d{1,2}|a|one|two|three|four|five|six|seven|mot|hai|ba|bon|nam|sau|bay)";
const NUMBERS: Readonly<Record<string, number>> = {
  ...{ a: 1, one: 1, two: 2, three: 3, four: 4, five: 5, six: 6, seven: 7 },
  ...{ mot: 1, hai: 2, ba: 3, bon: 4, nam: 5, sau: 6, bay: 7 },
};

export const RELATIVE_DAY_PATTERNS: readonly DatePattern[] = [
  daysAgo("(?:the )?day before yesterday|(?:hom|bua) kia", 2),
  daysAgo("yesterday(?:'s)?|last night|(?:hom|bua|sang|trua|chieu|toi|dem) qua", 1),
  daysAgo("today(?:'s)?|tonight|this (?:morning|afternoon|evening)|(?:hom|bua|sang|trua|chieu|toi) nay", 0),
  daysAgo("tomorrow|ngay mai", -1),
  counted(`(?:cach day )?${NUMBER} (?:days? ago|ngay truoc)|cach day ${other(NUMBER)} ngay`, (number, today) => [
    today.subtract({ days: number }),
  ]),
  counted(`${NUMBER} (?:weeks? ago|tuan truoc)`, (number, today) => [today.subtract({ days: 7 * number })]),
  // The last days end with yesterday, because today is not over.
  counted(`(?:last|past|previous) ${NUMBER} days|${other(NUMBER)} ngay (?:vua )?(?:qua|gan day)`, (number, today) =>
    daysFrom(today.subtract({ days: number }), today.subtract({ days: 1 })),
  ),
  { pattern: /\b(?:this week|tuan nay)\b/g, read: (_match, today) => daysFrom(mondayOf(today), today) },
  { pattern: /\b(?:last week|tuan (?:truoc|vua roi|roi|qua))\b/g, read: (_match, today) => lastWeek(today) },
];

function daysAgo(words: string, days: number): DatePattern {
  return { pattern: new RegExp(`\\b(?:${words})\\b`, "g"), read: (_match, today) => [today.subtract({ days })] };
}

/** The number pattern for a second alternative: a group name may occur only once in a pattern. */
function other(number: string): string {
  return number.replace("<number>", "<otherNumber>");
}

type ReadCount = (number: number, today: Temporal.PlainDate) => readonly Temporal.PlainDate[];

function counted(words: string, read: ReadCount): DatePattern {
  return {
    pattern: new RegExp(`\\b(?:${words})\\b`, "g"),
    read: (match, today) => {
      const { number, otherNumber } = groupsOf(match);
      const text = number ?? otherNumber ?? "";
      return read(NUMBERS[text] ?? Number(text), today);
    },
  };
}

function lastWeek(today: Temporal.PlainDate): Temporal.PlainDate[] {
  const monday = mondayOf(today);
  return daysFrom(monday.subtract({ days: 7 }), monday.subtract({ days: 1 }));
}
