/** Patterns for weekdays: `Friday`, `last Friday`, `Friday last week`, `thứ sáu`, `thứ 6 tuần trước`, `chủ nhật`, `CN`. */

import { type DatePattern, groupsOf, mondayOf } from "./date-pattern.ts";

/** ISO weekday numbers (Monday is 1) by the first letters. Vietnamese numbers Monday as the second day of the week. */
const ENGLISH: Readonly<Record<string, number>> = { mon: 1, tue: 2, wed: 3, thu: 4, fri: 5, sat: 6, sun: 7 };
const VIETNAMESE: Readonly<Record<string, number>> = {
  ...{ hai: 1, ba: 2, tu: 3, nam: 4, sau: 5, bay: 6, nhat: 7 },
  ...{ 2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, cn: 7 },
};

const LONG = "(?<day>mon|tues|wednes|thurs|fri|satur|sun)day(?:'?s)?";
const SHORT = "(?<day>mon|tue|wed|thu|fri|sat|sun)";
const ENGLISH_WEEK = "(?<after> (?:of )?(?:last|this|next) week)?";
const VIETNAMESE_WEEK = "(?<after> (?:tuan )?(?:truoc|vua roi|vua qua|roi|nay|sau|toi))?";

export const WEEKDAY_PATTERNS: readonly DatePattern[] = [
  english(`(?:(?<before>(?:last|this|next) week's|last|past|this|next) )?${LONG}${ENGLISH_WEEK}`),
  // Short names need a word before them: `thu`, `sat` and `mon` are also Vietnamese words without accents.
  english(`(?<before>last|past|this|next|on) ${SHORT}`),
  // `thu` is also part of `doanh thu`, revenue.
  vietnamese(`(?<!doanh )thu (?<day>hai|ba|tu|nam|sau|bay|[2-7])${VIETNAMESE_WEEK}`),
  vietnamese(`chu (?<day>nhat)${VIETNAMESE_WEEK}`),
  vietnamese(`(?<day>cn)${VIETNAMESE_WEEK}`),
  vietnamese(`t(?<day>[2-7])${VIETNAMESE_WEEK}`),
];

function english(source: string): DatePattern {
  return weekdayPattern(source, (name) => ENGLISH[name.slice(0, 3)]);
}

function vietnamese(source: string): DatePattern {
  return weekdayPattern(source, (name) => VIETNAMESE[name]);
}

function weekdayPattern(source: string, numberOf: (name: string) => number | undefined): DatePattern {
  return {
    pattern: new RegExp(`\\b${source}\\b`, "g"),
    read: (match, today) => {
      const { before = "", day = "", after = "" } = groupsOf(match);
      const weekday = numberOf(day);
      return weekday === undefined ? [] : [pickWeek(today, weekday, `${before} ${after}`)];
    },
  };
}

/** Without a word for the week, the latest such day up to today. */
function pickWeek(today: Temporal.PlainDate, weekday: number, words: string): Temporal.PlainDate {
  const inThisWeek = mondayOf(today).add({ days: weekday - 1 });
  if (/last week|tuan (truoc|vua|roi)/.test(words)) return inThisWeek.subtract({ days: 7 });
  if (/next week/.test(words)) return inThisWeek.add({ days: 7 });
  if (/\b(this|nay)\b/.test(words)) return inThisWeek;
  const isAfterToday = Temporal.PlainDate.compare(inThisWeek, today) > 0;
  if (/\b(next|sau|toi)\b/.test(words)) return isAfterToday ? inThisWeek : inThisWeek.add({ days: 7 });
  if (/\b(last|past|truoc|roi|qua)\b/.test(words) && inThisWeek.equals(today)) return inThisWeek.subtract({ days: 7 });
  return isAfterToday ? inThisWeek.subtract({ days: 7 }) : inThisWeek;
}
