/**
 * Times of sales: ISO 8601 text to an instant, in the shop's time zone where the text has no offset.
 */
import { BadInputError } from "../../errors.ts";
import { dateAt } from "../../shop/calendar.ts";
import { quoteCell } from "./import-error.ts";

const ISO_TIME =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?(Z|[+-]\d{2}(?::?\d{2})?))?$/i;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Rejects Excel's "1900-01-00" and the like. */
const EARLIEST = Date.UTC(1970, 0, 1);

/** The cache of hours is cleared at this size. */
const MAX_CACHED_HOURS = 10_000;

export interface SaleTime {
  instant: Date;
  /** Its date in the shop's time zone, `YYYY-MM-DD`. */
  date: string;
}

/** `BadInputError` says what to write. */
export type TimeReader = (cell: string) => SaleTime;

/**
 * A time without an offset is in the shop's time zone. Where clocks are set back, it is the earlier of the two instants; where
 * they are set forward, a time that was skipped is rejected. So is a time more than a day after `now`.
 */
export function createTimeReader(timeZone: string, now: Date): TimeReader {
  const hours = new Map<string, number | undefined>();
  const latest = now.getTime() + DAY_MS;

  return (cell) => {
    const match = ISO_TIME.exec(cell);
    if (!match) throw new BadInputError(notIso(cell));
    const [, date = "", hour = "", minute = "", second = "00", fraction = "0", offset] = match;
    if (minute > "59" || second > "59") throw new BadInputError(`${quoteCell(cell)} is not a time of day`);
    const wholeHour = offset === undefined ? hourStart(date, hour) : hourWithOffset(cell, date, hour, offset);
    const inHour = (Number(minute) * 60 + Number(second)) * 1_000 + Math.trunc(Number(`0.${fraction}`) * 1_000);
    const instant =
      wholeHour === undefined ? localInstant(cell, localTime(cell, date, hour, inHour), timeZone) : wholeHour + inHour;
    if (instant > latest) throw new BadInputError(`${quoteCell(cell)} is in the future`);
    if (instant < EARLIEST) throw new BadInputError(`${quoteCell(cell)} is before 1970`);
    const at = new Date(instant);
    return { instant: at, date: offset === undefined ? date : dateAt(at, timeZone).toString() };
  };

  /** The start of an hour in the shop's time zone, or undefined when each time in it needs the slow path. */
  function hourStart(date: string, hour: string): number | undefined {
    const key = `${date}T${hour}`;
    if (!hours.has(key)) {
      if (hours.size >= MAX_CACHED_HOURS) hours.clear();
      hours.set(key, startOfPlainHour(key, timeZone));
    }
    return hours.get(key);
  }
}

/** Undefined for an hour with a clock change in it, and for a date or hour that does not exist. */
function startOfPlainHour(hour: string, timeZone: string): number | undefined {
  try {
    const first = localInstant(hour, Temporal.PlainDateTime.from(`${hour}:00`), timeZone);
    const last = localInstant(hour, Temporal.PlainDateTime.from(`${hour}:59:59.999`), timeZone);
    return last - first === HOUR_MS - 1 ? first : undefined;
  } catch (error) {
    // The slow path reads the cell itself, and rejects it with its own text.
    if (error instanceof RangeError || error instanceof BadInputError) return undefined;
    throw error;
  }
}

function hourWithOffset(cell: string, date: string, hour: string, offset: string): number {
  const [, sign, hours = "", minutes = "00"] = /^([+-])(\d{2}):?(\d{2})?$/.exec(offset) ?? [];
  if (hours > "23" || minutes > "59") throw new BadInputError(`${quoteCell(cell)} has an invalid UTC offset`);
  const shift = sign ? (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === "-" ? -1 : 1) : 0;
  return localTime(cell, date, hour, 0).toZonedDateTime("UTC").epochMilliseconds - shift;
}

function localTime(cell: string, date: string, hour: string, inHourMs: number): Temporal.PlainDateTime {
  try {
    return Temporal.PlainDateTime.from(`${date}T${hour}`).add({ milliseconds: inHourMs });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new BadInputError(`${quoteCell(cell)} is a date or time that does not exist`);
  }
}

function localInstant(cell: string, local: Temporal.PlainDateTime, timeZone: string): number {
  const zoned = local.toZonedDateTime(timeZone, { disambiguation: "earlier" });
  if (!zoned.toPlainDateTime().equals(local)) {
    throw new BadInputError(
      `${quoteCell(cell)} does not exist in ${timeZone}, because clocks were set forward: add the UTC offset, as in 2026-11-14T09:31+07:00`,
    );
  }
  return zoned.epochMilliseconds;
}

function notIso(cell: string): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(cell)) return `${quoteCell(cell)} has no time of day: write it like 2026-11-14T09:31`;
  return `${quoteCell(cell)} is not a clear date and time: write it like 2026-11-14T09:31`;
}
