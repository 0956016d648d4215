/**
 * Days and times in the shop's time zone.
 *
 * A day is half-open: from the first instant of its date to the first instant of the next date. That is not always 00:00,
 * because some zones set clocks forward at midnight. It knows nothing of sales.
 */

/** A half-open interval of time: `from` belongs to it, `until` does not. */
export interface Span {
  from: Date;
  until: Date;
}

/** One date in the time zone: 23, 24 or 25 hours. */
export function daySpan(date: Temporal.PlainDate, timeZone: string): Span {
  return { from: startOfDay(date, timeZone), until: startOfDay(date.add({ days: 1 }), timeZone) };
}

/** The first instant of a date in the time zone. */
export function startOfDay(date: Temporal.PlainDate, timeZone: string): Date {
  return new Date(date.toZonedDateTime(timeZone).epochMilliseconds);
}

/**
 * The instant at which clocks show a time on a date: the earlier one when they show it twice. When clocks were set forward
 * past that time, the instant of the change.
 */
export function instantAt(date: Temporal.PlainDate, time: Temporal.PlainTime, timeZone: string): Date {
  const zoned = date.toZonedDateTime({ timeZone, plainTime: time });
  const skippedAt = zoned.toPlainTime().equals(time) ? null : zoned.getTimeZoneTransition("previous");
  return new Date((skippedAt ?? zoned).epochMilliseconds);
}

/** The shop's date at an instant. */
export function dateAt(instant: Date, timeZone: string): Temporal.PlainDate {
  return zonedAt(instant, timeZone).toPlainDate();
}

/** The shop's time of day at an instant, as `HH:MM`. */
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

/** The English weekday of a date, such as `Sunday`. The model's language is English, independent of the shop's locale. */
export function weekdayOf(date: Temporal.PlainDate): string {
  return date.toLocaleString("en", { weekday: "long" });
}

function zonedAt(instant: Date, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(timeZone);
}
