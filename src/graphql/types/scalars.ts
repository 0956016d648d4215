/** The scalars besides GraphQL's own: an instant, a day, any JSON. */
import { BadInputError } from "../../errors.ts";
import { builder } from "../builder.ts";

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;
const SPACE = 32;
const DAY = /^\d{4}-\d\d-\d\d$/;

builder.scalarType("DateTime", {
  description: "A point in time in RFC 3339 format, such as `2026-11-15T08:30:00.000Z`. Responses are in UTC.",
  specifiedByURL: "https://scalars.graphql.org/andimarek/date-time",
  parseValue: parseDateTime,
  // A plan (`plan/`) gives the text that PostgreSQL wrote.
  serialize: (value: Date | string) => (typeof value === "string" ? writeInstant(value) : value.toISOString()),
});

builder.scalarType("Date", {
  description: "A calendar day without a time zone, such as `2026-11-15`.",
  specifiedByURL: "https://scalars.graphql.org/andimarek/local-date",
  parseValue: parseDate,
  serialize: (value) => value,
});

builder.scalarType("JSON", {
  description: "Any JSON value.",
  specifiedByURL: "https://www.rfc-editor.org/rfc/rfc8259",
  parseValue: (value) => value,
  serialize: (value) => value,
});

/** Turns an instant as PostgreSQL writes it into a DateTime: in UTC, to the millisecond. @throws {RangeError} for `infinity`. */
export function writeInstant(text: string): string {
  // "2026-11-15 08:30:00.123456+00", with 0 to 6 digits after the second.
  const isPlain = text.length >= 22 && text.length <= 29 && text.charCodeAt(10) === SPACE && text.endsWith("+00");
  if (!isPlain) return new Date(text).toISOString();
  const milliseconds = text.length > 22 ? text.slice(20, -3).padEnd(3, "0").slice(0, 3) : "000";
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${milliseconds}Z`;
}

/** In UTC and to the microsecond, as PostgreSQL stores it; finer digits are cut off. */
export function parseDateTime(value: unknown): string {
  const instant = typeof value === "string" && RFC_3339.test(value) ? read(() => Temporal.Instant.from(value)) : null;
  const text = instant?.toString({ fractionalSecondDigits: 6 });
  // PostgreSQL has no year 0. An offset may lead to it, or past 9999.
  if (text === undefined || !/^\d{4}-/.test(text) || text.startsWith("0000")) {
    throw new BadInputError("A DateTime must be RFC 3339 with an offset, such as 2026-11-15T08:30:00Z");
  }
  return text;
}

export function parseDate(value: unknown): string {
  const day = typeof value === "string" && DAY.test(value) ? read(() => Temporal.PlainDate.from(value)) : null;
  if (day === null || day.year === 0) throw new BadInputError("A Date must be written as 2026-11-15");
  return day.toString();
}

function read<Value>(parse: () => Value): Value | null {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
