/** Checks whether the database knows the shop's time zone: servers without old names fail at the first figure else. */
import { sql } from "drizzle-orm";
import { StartupError } from "../errors.ts";
import type { Db } from "./client.ts";
import { errorCode } from "./error-code.ts";

/** @throws {StartupError} with the name that the database has for the same zone, if there is one. */
export async function checkTimeZone(db: Db, timeZone: string): Promise<void> {
  try {
    await db.execute(sql`select now() at time zone ${timeZone}`);
  } catch (error) {
    if (errorCode(error) !== INVALID_PARAMETER) throw error;
    const names = await db.execute<{ name: string }>(sql`select name from pg_timezone_names order by name`);
    const other = findSameZone(
      names.map(({ name }) => name),
      timeZone,
    );
    throw new StartupError(describeUnknown(timeZone, other));
  }
}

const INVALID_PARAMETER = "22023";

function describeUnknown(timeZone: string, other: string | undefined): string {
  const rename = other ? `set SHOP_TIME_ZONE=${other}, which is the same, or ` : "";
  return `The database does not know the time zone ${timeZone}: ${rename}install the package tzdata-legacy on its machine.`;
}

/** The name among these of the same zone: old and new names are equal for Temporal. */
export function findSameZone(names: readonly string[], timeZone: string): string | undefined {
  return names.find((name) => isSameZone(name, timeZone));
}

/** Temporal does not know every name of PostgreSQL's. */
function isSameZone(name: string, timeZone: string): boolean {
  const at = (zone: string) => Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
  try {
    return at(name).equals(at(timeZone));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return false;
  }
}
