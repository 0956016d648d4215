/** The form in which the files beside this one say how days are named. */

export interface DatePattern {
  /** For folded text; with the flag `g`. */
  readonly pattern: RegExp;
  /** The days meant; null when the words have the form of a date but are none, as `31/02`. */
  readonly read: (match: RegExpExecArray, today: Temporal.PlainDate) => readonly Temporal.PlainDate[] | null;
}

/** The named groups of a match; a group that took no part is undefined. */
export function groupsOf(match: RegExpExecArray): Readonly<Record<string, string | undefined>> {
  return match.groups ?? {};
}

/** All days from the first to the last, both included. */
export function daysFrom(first: Temporal.PlainDate, last: Temporal.PlainDate): Temporal.PlainDate[] {
  const count = first.until(last).days + 1;
  return Array.from({ length: count }, (_, days) => first.add({ days }));
}

export function mondayOf(date: Temporal.PlainDate): Temporal.PlainDate {
  return date.subtract({ days: date.dayOfWeek - 1 });
}
