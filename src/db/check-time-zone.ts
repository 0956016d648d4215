/**
 * Checks whether the database knows the shop's time zone, as Node does: each has a list of its own. Debian has old names, such
 * as Asia/Saigon, in a package that not every server has. And CET is an abbreviation for PostgreSQL, without summer time.
 */
import { sql } from "drizzle-orm";
import { StartupError } from "../errors.ts";
import type { Db } from "./client.ts";
import { errorCode } from "./error-code.ts";

/** PostgreSQL's invalid_parameter_value. */
const UNKNOWN_ZONE = "22023";

/** In summer, and long enough ago for every server to know its rules. */
const SUMMER = Temporal.Instant.from("2020-07-01T12:00:00Z");

/** @throws {StartupError} with a name of the same zone that the database knows, if there is one. */
export async function checkTimeZone(db: Db, timeZone: string): Promise<void> {
  const clock = await readClock(db, timeZone);
  if (clock !== null && Temporal.PlainDateTime.from(clock).equals(zoned(timeZone).toPlainDateTime())) return;
  const rows = await db.execute<{ name: string }>(
    sql`select name from pg_timezone_names where name like '%/%' order by name`,
  );
  const names = rows.map(({ name }) => name);
  const known = findSameZone(timeZone, names) ?? "a name that it knows (SELECT name FROM pg_timezone_names)";
  throw new StartupError(
    clock === null
      ? `The database does not know the time zone ${timeZone}: set SHOP_TIME_ZONE to ${known}, or install tzdata-legacy on its machine.`
      : `The database takes the time zone ${timeZone} for another one: set SHOP_TIME_ZONE to ${known}.`,
  );
}

/** What the database's clocks show there in summer; null when it does not know the time zone. */
async function readClock(db: Db, timeZone: string): Promise<string | null> {
  try {
    const [row] = await db.execute<{ clock: string }>(
      sql`select (${SUMMER.toString()}::timestamptz at time zone ${timeZone}::text)::text as clock`,
    );
    return row?.clock ?? null;
  } catch (error) {
    if (errorCode(error) === UNKNOWN_ZONE) return null;
    throw error;
  }
}

/** The first of the names that means the same time zone. */
export function findSameZone(timeZone: string, names: readonly string[]): string | undefined {
  return names.find((name) => {
    try {
      return zoned(name).equals(zoned(timeZone));
    } catch {
      // Only the database knows it.
      return false;
    }
  });
}

function zoned(timeZone: string): Temporal.ZonedDateTime {
  return SUMMER.toZonedDateTimeISO(timeZone);
}
