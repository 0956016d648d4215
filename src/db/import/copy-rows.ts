/**
 * COPY: the fastest way of many rows into a table, inside a Drizzle transaction.
 *
 * Drizzle has no word for COPY, so this takes the driver's own connection of that transaction.
 */
import { pipeline } from "node:stream/promises";
import { PostgresJsSession } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import type { Db } from "../client.ts";

/** What `db.transaction` gives. */
export type Transaction = Parameters<Parameters<Db["transaction"]>[0]>[0];

/** Where rows go: names as the database has them. */
export interface CopyTarget {
  table: string;
  columns: readonly string[];
}

/** The values of one row as PostgreSQL reads them, in the order of the target's columns. */
export type CopyRow = readonly (string | null)[];

/** How much text is gathered for one write, in characters. */
const CHUNK_CHARACTERS = 65_536;

/**
 * Copies rows into a table, no more of them in memory than the connection takes. When `rows` throws, the COPY is called off
 * and the transaction is to be rolled back. A fault that only the end of the COPY shows (a foreign key) fails the
 * transaction's next statement: so there has to be one.
 */
export async function copyRows(
  tx: Transaction,
  { table, columns }: CopyTarget,
  rows: AsyncIterable<CopyRow> | Iterable<CopyRow>,
): Promise<void> {
  const client = clientOf(tx);
  const copy = await client`copy ${client(table)} (${client([...columns])}) from stdin`.writable();
  await pipeline(copyText(rows), copy);
}

function clientOf(tx: Transaction): Sql {
  const { session } = tx._;
  if (!(session instanceof PostgresJsSession)) throw new TypeError("COPY needs a transaction of the postgres driver");
  return session.client;
}

async function* copyText(rows: AsyncIterable<CopyRow> | Iterable<CopyRow>): AsyncGenerator<string> {
  let text = "";
  for await (const row of rows) {
    text += `${row.map(copyValue).join("\t")}\n`;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield text;
    text = "";
  }
  if (text) yield text;
}

function copyValue(value: string | null): string {
  if (value === null) return "\\N";
  return /[\\\t\n\r]/.test(value) ? value.replace(/[\\\t\n\r]/g, "\\$&") : value;
}
