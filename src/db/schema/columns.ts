/** Columns that many tables share, so that an id or a time is spelled one way only. */
import { randomUUIDv7 } from "node:crypto";
import { sql } from "drizzle-orm";
import { bigint, boolean, customType, integer, numeric, timestamp, uuid } from "drizzle-orm/pg-core";
import { LARGEST_TELEGRAM_ID } from "../../shop/telegram-ids.ts";

/** A UUIDv7 made by the application. Never used for order: that is the position under the thread's row lock. */
export const id = () =>
  uuid()
    .primaryKey()
    .$defaultFn(() => randomUUIDv7());

/** An instant, exact to the microsecond in the database. As a `Date` it keeps milliseconds: never page by it. */
export const instant = () => timestamp({ withTimezone: true, mode: "date" });

/**
 * The transaction that last changed a row in a way that an admin sees: a cursor of the live API is a snapshot, and what a
 * snapshot does not show is news (`queries/admin-changes.ts`). Inserts set it by this default, updates by a trigger of the
 * migration, whoever writes: an older version of this program too. A decimal string in TypeScript.
 */
export const changedIn = () => xid8().notNull().default(sql`pg_current_xact_id()`);

const xid8 = customType<{ data: string }>({ dataType: () => "xid8" });

/**
 * From one instant to another in whole milliseconds, kept by the database; -1 until both are known: a list that is ordered by
 * it can so be paged by its index. The clocks of two machines may differ (never below 0), and `Int` ends after 24 days.
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

/** Whether a person is one of the sandbox, kept by the database: their Telegram id alone decides (`telegram-ids.ts`). */
export const isOfSandbox = (telegramUserId: string) =>
  boolean()
    .notNull()
    .generatedAlwaysAs(sql.raw(`"${telegramUserId}" > ${LARGEST_TELEGRAM_ID}`));

/** An amount in the currency's minor unit. */
export const minor = () => bigint({ mode: "bigint" });

/** A quantity, exact to a thousandth; a decimal string in TypeScript. */
export const quantity = () => numeric({ precision: 12, scale: 3 });

/** A SHA-256 of a secret: what is stored of invite codes and admin tokens. */
export const hash = customType<{ data: Buffer }>({ dataType: () => "bytea" });
