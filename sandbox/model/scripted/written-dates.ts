/** Patterns for written dates: `2026-11-14`, `14/11/25`, `14 November`, `ngày 14 tháng 11`. */

import { type DatePattern, groupsOf } from "./date-pattern.ts";

const MONTHS: readonly string[] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH =
  "(?<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)";
const DAY = "(?<day>\\d{1,2})";
const NUMERIC_MONTH = "(?<month>\\d{1,2})";
const YEAR = "(?<year>\\d{4})";

/** A weekday in front of a date belongs to it and must not count as a separate day. */
const WEEKDAY =
  "(?:(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|thu (?:hai|ba|tu|nam|sau|bay|[2-7])|chu nhat),? (?:the )?)?";
const VIETNAMESE_DAY = "(?:ngay|mung|mong)";

export const WRITTEN_DATE_PATTERNS: readonly DatePattern[] = [
  `${YEAR}[-/.]${NUMERIC_MONTH}[-/.]${DAY}`,
  `(?:${VIETNAMESE_DAY} )?${DAY}[-/.]${NUMERIC_MONTH}[-/.](?<year>\\d{4}|\\d{2})`,
  `(?:${VIETNAMESE_DAY} )?${DAY} thang ${NUMERIC_MONTH}(?:,? (?:nam )?${YEAR})?`,
  `${DAY}(?:st|nd|rd|th)?(?: of)?[ -]${MONTH}(?:,? ${YEAR})?`,
  `${MONTH}\\.? ${DAY}(?:st|nd|rd|th)?(?:,? ${YEAR})?`,
  // `1/2 kg` is half a kilogram.
  `(?:${VIETNAMESE_DAY} )?${DAY}/${NUMERIC_MONTH}(?! ?(?:kg|g|l|ml)\\b)`,
  `${VIETNAMESE_DAY} ${DAY}`,
  `the ${DAY}(?:st|nd|rd|th)`,
].map((source) => ({ pattern: new RegExp(`\\b${WEEKDAY}${source}\\b`, "g"), read: readWrittenDate }));

function readWrittenDate(match: RegExpExecArray, today: Temporal.PlainDate): readonly Temporal.PlainDate[] | null {
  const { day, month, year } = groupsOf(match);
  const monthNumber = month === undefined ? undefined : readMonth(month);
  const date =
    year === undefined
      ? findLatest(today, Number(day), monthNumber)
      : toDate({ year: readYear(year), month: monthNumber ?? 0, day: Number(day) });
  return date === null ? null : [date];
}

function readYear(text: string): number {
  return text.length === 2 ? 2_000 + Number(text) : Number(text);
}

function readMonth(text: string): number {
  const named = MONTHS.indexOf(text.slice(0, 3));
  return named >= 0 ? named + 1 : Number(text);
}

function toDate(fields: { year: number; month: number; day: number }): Temporal.PlainDate | null {
  try {
    return Temporal.PlainDate.from(fields, { overflow: "reject" });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Nine years: at most eight years lie between two 29 Februaries. */
const LOOK_BACK_MONTHS = 9 * 12;

/** The latest date up to today with this day and, if given, this month. */
function findLatest(today: Temporal.PlainDate, day: number, month: number | undefined): Temporal.PlainDate | null {
  for (let months = 0; months <= LOOK_BACK_MONTHS; months += 1) {
    const candidate = today.toPlainYearMonth().subtract({ months });
    if (month !== undefined && candidate.month !== month) continue;
    const date = toDate({ year: candidate.year, month: candidate.month, day });
    if (date !== null && Temporal.PlainDate.compare(date, today) <= 0) return date;
  }
  return null;
}
