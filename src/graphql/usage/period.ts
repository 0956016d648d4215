/**
 * Periods of the shop's calendar: days, weeks and months as instants in its time zone, whatever its clocks do. Pure.
 */
import { BadInputError } from "../../errors.ts";
import { dateAt, startOfDay } from "../../shop/calendar.ts";

/** Days that one report may cover: a year, with the same month of the year before. */
export const MAX_PERIOD_DAYS = 400;

/** Half-open days as a client gives them. */
export interface DateRange {
  readonly from: string;
  readonly until: string;
}

export interface Period {
  readonly from: Temporal.PlainDate;
  /** The first day that no longer belongs to it. */
  readonly until: Temporal.PlainDate;
  readonly timeZone: string;
}

export type StretchUnit = "day" | "week" | "month";

/** A day, week or month of a period. */
export interface Stretch {
  /** Its first day, which may lie before the period. */
  readonly date: Temporal.PlainDate;
  /** Where it begins within the period. */
  readonly start: Date;
}

/** @throws {BadInputError} for a period without a day, with more than `MAX_PERIOD_DAYS`, or of before all computers. */
export function readPeriod(range: DateRange, timeZone: string): Period {
  const [from, until] = [Temporal.PlainDate.from(range.from), Temporal.PlainDate.from(range.until)];
  // Postgres writes years before the first unlike anybody else, and nothing here is that old.
  if (from.year < 1970) throw new BadInputError("Nothing is from before 1970: let 'period' begin then or later");
  const days = from.until(until).days;
  if (days < 1) throw new BadInputError("'period' has no day: 'until' must be later than 'from'");
  if (days > MAX_PERIOD_DAYS) {
    throw new BadInputError(`'period' has ${days} days: ask for at most ${MAX_PERIOD_DAYS} at once`);
  }
  return { from, until, timeZone };
}

/** The days before tomorrow, today among them. */
export function lastDays(days: number, now: Date, timeZone: string): Period {
  const until = dateAt(now, timeZone).add({ days: 1 });
  return { from: until.subtract({ days }), until, timeZone };
}

/** The first instant of a period, and the first behind it. */
export function spanOf({ from, until, timeZone }: Period): { from: Date; until: Date } {
  return { from: startOfDay(from, timeZone), until: startOfDay(until, timeZone) };
}

/** All days, weeks or months of a period, in their order; the first and the last may lie in it partly. */
export function stretchesOf({ from, until, timeZone }: Period, unit: StretchUnit): Stretch[] {
  const stretches: Stretch[] = [];
  for (let date = firstDay(from, unit); isBefore(date, until); date = date.add({ [`${unit}s`]: 1 })) {
    stretches.push({ date, start: startOfDay(isBefore(date, from) ? from : date, timeZone) });
  }
  return stretches;
}

/** Weeks begin on Monday. */
function firstDay(date: Temporal.PlainDate, unit: StretchUnit): Temporal.PlainDate {
  if (unit === "month") return date.with({ day: 1 });
  return unit === "week" ? date.subtract({ days: date.dayOfWeek - 1 }) : date;
}

function isBefore(one: Temporal.PlainDate, other: Temporal.PlainDate): boolean {
  return Temporal.PlainDate.compare(one, other) < 0;
}
