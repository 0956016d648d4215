/** The type of the date patterns in this folder, and date arithmetic that they share. */

export interface DatePattern {
  /** Matches folded text; has the flag `g`. */
  readonly pattern: RegExp;
  /** The days that a match means; null for an impossible date such as `31/02`. */
  readonly read: (match: RegExpExecArray, today: Temporal.PlainDate) => readonly Temporal.PlainDate[] | null;
}

/** The named groups of a match; a group that did not match is undefined. */
export function groupsOf(match: RegExpExecArray): Readonly<Record<string, string | undefined>> {
  return match.groups ?? {};
}

/** All days from the first to the last, both inclusive. */
export function daysFrom(first: Temporal.PlainDate, last: Temporal.PlainDate): Temporal.PlainDate[] {
  const count = first.until(last).days + 1;
  return Array.from({ length: count }, (_, days) => first.add({ days }));
}

export function mondayOf(date: Temporal.PlainDate): Temporal.PlainDate {
  return date.subtract({ days: date.dayOfWeek - 1 });
}
