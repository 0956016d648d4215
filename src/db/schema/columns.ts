/** Columns that many tables share, so that ids, times and amounts are defined once. */
import { randomUUIDv7 } from "node:crypto";
import { sql } from "drizzle-orm";
import { bigint, boolean, customType, integer, numeric, timestamp, uuid } from "drizzle-orm/pg-core";
import { LARGEST_TELEGRAM_ID } from "../../shop/telegram-ids.ts";

/** A UUIDv7 from the application. Never used for ordering: positions under the thread's row lock do that. */
export const id = () =>
  uuid()
    .primaryKey()
    .$defaultFn(() => randomUUIDv7());

/** An instant, exact to the microsecond in the database. A `Date` has milliseconds only: never page by it. */
export const instant = () => timestamp({ withTimezone: true, mode: "date" });

/**
 * The transaction that last changed a row in a way that admins can see. A cursor of the live API is a snapshot, and changes
 * that are not in the snapshot are new (`queries/admin/changes.ts`). Inserts set this column by its default, updates by a
 * trigger in the migrations, so that writes of older versions of this program count too. A decimal string in TypeScript.
 */
export const changedIn = () => xid8().notNull().default(sql`pg_current_xact_id()`);

const xid8 = customType<{ data: string }>({ dataType: () => "xid8" });

/**
 * The time between two instants in whole milliseconds, computed by the database. It is -1 until both are known, so that a list
 * in this order can be paged by an index. It is never negative, because the clocks of two machines may differ, and at most
 * 24 days, the limit of `Int`.
 */
export const durationMs = (from: string, until: string) =>
  integer()
    .notNull()
    .generatedAlwaysAs(
      sql.raw(`case when "${from}" is null or "${until}" is null then -1
        else least(greatest(extract(epoch from "${until}" - "${from}") * 1000, 0), 2147483647)::integer end`),
    );

/** A Telegram id: up to 52 bits, so a number in TypeScript and never `Int` in GraphQL. */
export const telegramId = () => bigint({ mode: "number" });

/** Whether a person belongs to the sandbox, computed by the database from the Telegram id alone (`telegram-ids.ts`). */
export const isOfSandbox = (telegramUserId: string) =>
  boolean()
    .notNull()
    .generatedAlwaysAs(sql.raw(`"${telegramUserId}" > ${LARGEST_TELEGRAM_ID}`));

/** An amount in the currency's minor unit. */
export const minor = () => bigint({ mode: "bigint" });

/** A quantity, exact to a thousandth. A decimal string in TypeScript. */
export const quantity = () => numeric({ precision: 12, scale: 3 });

/** The SHA-256 of a secret. Invite codes and admin tokens are stored only like this. */
export const hash = customType<{ data: Buffer }>({ dataType: () => "bytea" });
