/** Periods of the shop's calendar: days, weeks and months as instants in its time zone, DST changes included. Pure. */
import { BadInputError } from "../../errors.ts";
import { dateAt, startOfDay } from "../../shop/calendar.ts";

/** Days that one report may cover: a year, and the same month of the year before. */
export const MAX_PERIOD_DAYS = 400;

/** The half-open range of a client: `from` included, `until` excluded. ISO dates. */
export interface DateRange {
  readonly from: string;
  readonly until: string;
}

export interface Period {
  readonly from: Temporal.PlainDate;
  /** The first day after the period. */
  readonly until: Temporal.PlainDate;
  readonly timeZone: string;
}

export type IntervalUnit = "day" | "week" | "month";

/** A day, week or month within a period. */
export interface Interval {
  /** Its first day, which may be before the period. */
  readonly date: Temporal.PlainDate;
  /** Its start within the period. */
  readonly start: Date;
}

/** @throws {BadInputError} for an empty period, for more than `MAX_PERIOD_DAYS`, or for dates before 1970 */
export function readPeriod(range: DateRange, timeZone: string): Period {
  const [from, until] = [Temporal.PlainDate.from(range.from), Temporal.PlainDate.from(range.until)];
  // Postgres and Temporal write years before year 1 differently, and no data is that old.
  if (from.year < 1970) throw new BadInputError("'period' must not begin before 1970");
  const days = from.until(until).days;
  if (days < 1) throw new BadInputError("'period' is empty: 'until' must be after 'from'");
  if (days > MAX_PERIOD_DAYS) {
    throw new BadInputError(`'period' has ${days} days; the limit is ${MAX_PERIOD_DAYS}`);
  }
  return { from, until, timeZone };
}

/** The last `days` days, today included. */
export function lastDays(days: number, now: Date, timeZone: string): Period {
  const until = dateAt(now, timeZone).add({ days: 1 });
  return { from: until.subtract({ days }), until, timeZone };
}

/** The first instant of a period, and the first instant after it. */
export function spanOf({ from, until, timeZone }: Period): { from: Date; until: Date } {
  return { from: startOfDay(from, timeZone), until: startOfDay(until, timeZone) };
}

/** All days, weeks or months of a period in their order. The first and the last may be incomplete. */
export function intervalsOf({ from, until, timeZone }: Period, unit: IntervalUnit): Interval[] {
  const intervals: Interval[] = [];
  for (let date = firstDay(from, unit); isBefore(date, until); date = date.add({ [`${unit}s`]: 1 })) {
    intervals.push({ date, start: startOfDay(isBefore(date, from) ? from : date, timeZone) });
  }
  return intervals;
}

/** Weeks begin on Monday. */
function firstDay(date: Temporal.PlainDate, unit: IntervalUnit): Temporal.PlainDate {
  if (unit === "month") return date.with({ day: 1 });
  return unit === "week" ? date.subtract({ days: date.dayOfWeek - 1 }) : date;
}

function isBefore(one: Temporal.PlainDate, other: Temporal.PlainDate): boolean {
  return Temporal.PlainDate.compare(one, other) < 0;
}
