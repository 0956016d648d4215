/** Columns that many tables share, so that an id or a time is spelled one way only. */
import { randomUUIDv7 } from "node:crypto";
import { bigint, customType, numeric, timestamp, uuid } from "drizzle-orm/pg-core";

/** A UUIDv7 made by the application. Never used for order: that is the position under the thread's row lock. */
export const id = () =>
  uuid()
    .primaryKey()
    .$defaultFn(() => randomUUIDv7());

/** An instant, exact to the microsecond in the database. As a `Date` it keeps milliseconds: never page by it. */
export const instant = () => timestamp({ withTimezone: true, mode: "date" });

/** A Telegram id: up to 52 bits, so a number in TypeScript and never `Int` in GraphQL. */
export const telegramId = () => bigint({ mode: "number" });

/** An amount in the currency's minor unit. */
export const minor = () => bigint({ mode: "bigint" });

/** A quantity, exact to a thousandth; a decimal string in TypeScript. */
export const quantity = () => numeric({ precision: 12, scale: 3 });

/** A SHA-256 of a secret: what is stored of invite codes and admin tokens. */
export const hash = customType<{ data: Buffer }>({ dataType: () => "bytea" });
