import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeInstant } from "../../../src/graphql/types/scalars.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase();
});
afterAll(() => testDatabase.close());

test.each([
  "2026-11-15T08:30:00Z",
  "2026-11-15T08:30:00.1Z",
  "2026-11-15T08:30:00.12Z",
  "2026-11-15T08:30:00.120Z",
  "2026-11-15T08:30:00.123999Z",
  "2026-11-15T08:30:00.000999Z",
  "1969-12-31T23:59:59.999999Z",
  "0001-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999999Z",
  "12026-01-01T00:00:00.5Z",
])("a timestamp as Postgres writes it is formatted like a Date: %s", async (instant) => {
  const [row] = await testDatabase.db.execute<{ text: string }>(sql`select (${instant}::timestamptz)::text as text`);
  const text = row?.text ?? "";

  expect(writeInstant(text)).toBe(
    new Date(
      text
        .replace(/^(\d{5})/, "+0$1")
        .replace(" ", "T")
        .replace(/\+00$/, "Z"),
    ).toISOString(),
  );
});

test("a timestamp in another time zone is converted to UTC", () => {
  expect(writeInstant("2026-11-15 15:30:00.25+07")).toBe("2026-11-15T08:30:00.250Z");
  expect(() => writeInstant("infinity")).toThrow(RangeError);
});
