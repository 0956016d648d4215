/**
 * Days and times of the shop, in its own time zone.
 *
 * A day is half-open: from the first instant of its date (not always 00:00, where the clock is put forward at midnight)
 * up to the first instant of the next. Knows nothing of sales.
 */

/** A half-open span of time: `from` belongs to it, `until` does not. */
export interface Span {
  from: Date;
  until: Date;
}

/** The span of one date in the time zone: 23, 24 or 25 hours. */
export function daySpan(date: Temporal.PlainDate, timeZone: string): Span {
  return { from: startOfDay(date, timeZone), until: startOfDay(date.add({ days: 1 }), timeZone) };
}

/** The first instant of a date in the time zone. */
export function startOfDay(date: Temporal.PlainDate, timeZone: string): Date {
  return new Date(date.toZonedDateTime(timeZone).epochMilliseconds);
}

/**
 * The instant at which a date's clock shows a time. Of two the earlier; where the clock was put forward over that time, the
 * moment of it.
 */
export function instantAt(date: Temporal.PlainDate, time: Temporal.PlainTime, timeZone: string): Date {
  const zoned = date.toZonedDateTime({ timeZone, plainTime: time });
  const putForward = zoned.toPlainTime().equals(time) ? null : zoned.getTimeZoneTransition("previous");
  return new Date((putForward ?? zoned).epochMilliseconds);
}

/** The shop's date at an instant. */
export function dateAt(instant: Date, timeZone: string): Temporal.PlainDate {
  return zonedAt(instant, timeZone).toPlainDate();
}

/** The shop's clock at an instant, as `HH:MM`. */
export function clockAt(instant: Date, timeZone: string): string {
  return timeAt(instant, timeZone).toString({ smallestUnit: "minute" });
}

/** The shop's time of day at an instant. */
export function timeAt(instant: Date, timeZone: string): Temporal.PlainTime {
  return zonedAt(instant, timeZone).toPlainTime();
}

/** An instant as ISO 8601 with the shop's offset, to the second: `2026-11-22T10:00:00+07:00`. */
export function isoAt(instant: Date, timeZone: string): string {
  return zonedAt(instant, timeZone).toString({ timeZoneName: "never", smallestUnit: "second" });
}

/** The English name of a date's weekday, such as `Sunday`: the model's language, whatever the shop's is. */
export function weekdayOf(date: Temporal.PlainDate): string {
  return date.toLocaleString("en", { weekday: "long" });
}

function zonedAt(instant: Date, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(timeZone);
}
