/**
 * Times of sales: ISO 8601 text to an instant, in the shop's time zone where the text has no offset.
 */
import { BadInputError } from "../../errors.ts";
import { quoteCell } from "./import-error.ts";

const ISO_TIME =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?(Z|[+-]\d{2}(?::?\d{2})?))?$/i;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Excel's "1900-01-00" and the like are no sales. */
const EARLIEST = Date.UTC(1970, 0, 1);

/** A file of more hours than this makes the memory of them start anew. */
const REMEMBERED_HOURS = 10_000;

/** Reads a cell as milliseconds since 1970. `BadInputError` says how to write it. */
export type TimeReader = (cell: string) => number;

/**
 * Without an offset a time is the shop's: the earlier of two where the clock is put back, refused where it is put
 * forward and the time never was. More than a day after `now` is refused too.
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
    return instant;
  };

  /** The instant at which an hour of the shop begins, or undefined where its minutes must be looked at one by one. */
  function hourStart(date: string, hour: string): number | undefined {
    const key = `${date}T${hour}`;
    if (!hours.has(key)) {
      if (hours.size >= REMEMBERED_HOURS) hours.clear();
      hours.set(key, evenHour(key, timeZone));
    }
    return hours.get(key);
  }
}

/** A shift of the clock inside the hour, a time that never was, a date that is none: undefined. */
function evenHour(hour: string, timeZone: string): number | undefined {
  try {
    const first = localInstant(hour, Temporal.PlainDateTime.from(`${hour}:00`), timeZone);
    const last = localInstant(hour, Temporal.PlainDateTime.from(`${hour}:59:59.999`), timeZone);
    return last - first === HOUR_MS - 1 ? first : undefined;
  } catch (error) {
    // The cell itself is read on the slow way then, and refused with its own text.
    if (error instanceof RangeError || error instanceof BadInputError) return undefined;
    throw error;
  }
}

function hourWithOffset(cell: string, date: string, hour: string, offset: string): number {
  const [, sign, hours = "", minutes = "00"] = /^([+-])(\d{2}):?(\d{2})?$/.exec(offset) ?? [];
  if (hours > "23" || minutes > "59") throw new BadInputError(`${quoteCell(cell)} has an offset that does not exist`);
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
      `${quoteCell(cell)} never was in ${timeZone}: the clock was put forward; write it with its offset, as 2026-11-14T09:31+07:00`,
    );
  }
  return zoned.epochMilliseconds;
}

function notIso(cell: string): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(cell)) return `${quoteCell(cell)} has no time of day: write it as 2026-11-14T09:31`;
  return `${quoteCell(cell)} is not a time that can be read safely: write year-month-day and time, as 2026-11-14T09:31`;
}
