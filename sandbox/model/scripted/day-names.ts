/** Formats days and times for people: `Saturday 14 November`, `thứ Bảy, 14 tháng 11`. */

import type { Language } from "./language.ts";

const LOCALES: Readonly<Record<Language, string>> = { en: "en-GB", vi: "vi-VN" };

/** Formats an ISO date; null if it is not a date. The year is included only if it is not the current year. */
export function nameDay(date: string, today: Temporal.PlainDate, language: Language): string | null {
  const day = parseDay(date);
  if (day === null) return null;
  const year = day.year === today.year ? {} : ({ year: "numeric" } as const);
  return day.toLocaleString(LOCALES[language], { weekday: "long", day: "numeric", month: "long", ...year });
}

/** `2026-11-21` -> `Saturday`; null if it is not a date. */
export function nameWeekday(date: string, language: Language): string | null {
  return parseDay(date)?.toLocaleString(LOCALES[language], { weekday: "long" }) ?? null;
}

/** The hour and minute of an ISO time, without conversion: `2026-11-22T10:00:00+07:00` -> `10:00`. */
export function readClock(time: string): string | null {
  return /T(\d{2}:\d{2})/.exec(time)?.[1] ?? null;
}

/** The day at the start of an ISO date or time. */
export function parseDay(text: string): Temporal.PlainDate | null {
  const date = /^\d{4}-\d{2}-\d{2}/.exec(text)?.[0];
  if (date === undefined) return null;
  try {
    return Temporal.PlainDate.from(date);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
