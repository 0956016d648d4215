import { expect, test } from "vitest";
import { clockAt, dateAt, daySpan, instantAt, isoAt, timeAt, weekdayOf } from "../../src/shop/calendar.ts";

const HANOI = "Asia/Ho_Chi_Minh";
const NEW_YORK = "America/New_York";
/** Sets clocks forward at midnight: 2026-04-24 starts at 01:00. */
const CAIRO = "Africa/Cairo";

const date = (text: string) => Temporal.PlainDate.from(text);
const time = (text: string) => Temporal.PlainTime.from(text);

function spanOf(day: string, timeZone: string) {
  const { from, until } = daySpan(date(day), timeZone);
  return { from: from.toISOString(), hours: (until.getTime() - from.getTime()) / 3_600_000 };
}

test("a day goes from the first instant of its date to the first of the next, in the shop's zone", () => {
  expect(spanOf("2026-11-14", HANOI)).toEqual({ from: "2026-11-13T17:00:00.000Z", hours: 24 });
  expect(spanOf("2026-03-08", NEW_YORK)).toEqual({ from: "2026-03-08T05:00:00.000Z", hours: 23 });
  expect(spanOf("2026-11-01", NEW_YORK)).toEqual({ from: "2026-11-01T04:00:00.000Z", hours: 25 });
  expect(spanOf("2026-04-24", CAIRO)).toEqual({ from: "2026-04-23T22:00:00.000Z", hours: 23 });
});

test("an instant is shown with the shop's date, time and offset", () => {
  const instant = new Date("2026-11-13T17:00:59.999Z");

  expect(dateAt(instant, HANOI).toString()).toBe("2026-11-14");
  expect(dateAt(instant, NEW_YORK).toString()).toBe("2026-11-13");
  expect(clockAt(instant, HANOI)).toBe("00:00");
  expect(timeAt(instant, HANOI).toString()).toBe("00:00:59.999");
  expect(isoAt(instant, HANOI)).toBe("2026-11-14T00:00:59+07:00");
  expect(isoAt(instant, NEW_YORK)).toBe("2026-11-13T12:00:59-05:00");
});

test("a time on a date becomes an instant, and back", () => {
  const instant = instantAt(date("2026-11-14"), time("10:15:30.5"), HANOI);

  expect(instant.toISOString()).toBe("2026-11-14T03:15:30.500Z");
  expect(timeAt(instant, HANOI).toString()).toBe("10:15:30.5");
});

test("a time that clocks showed twice means the earlier instant", () => {
  expect(instantAt(date("2026-11-01"), time("01:30"), NEW_YORK).toISOString()).toBe("2026-11-01T05:30:00.000Z");
});

test("a time that clocks skipped means the instant of the change", () => {
  expect(instantAt(date("2026-03-08"), time("02:30"), NEW_YORK).toISOString()).toBe("2026-03-08T07:00:00.000Z");
  expect(instantAt(date("2026-04-24"), time("00:30"), CAIRO)).toEqual(daySpan(date("2026-04-24"), CAIRO).from);
});

test("weekdays are in English, independent of the shop's locale", () => {
  expect(["2026-11-14", "2026-11-15", "2024-02-29"].map((day) => weekdayOf(date(day)))).toEqual([
    "Saturday",
    "Sunday",
    "Thursday",
  ]);
});
