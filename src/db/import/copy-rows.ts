/** COPY, the fastest way to write many rows into a table, inside a Drizzle transaction. */
import { driverOf, type Transaction } from "../driver/drizzle-transaction.ts";
import type { CopyTarget } from "../driver/transaction.ts";

/** The values of one row in PostgreSQL's text format, in the order of the target's columns. */
export type CopyRow = readonly (string | null)[];

/** Size of one write, in characters. */
const CHUNK_CHARACTERS = 65_536;

/**
 * Copies rows into a table, reading only as fast as the connection sends. Resolves when the server has stored them all.
 * Rejects with the server's error, or with what `rows` throws; then the transaction must be rolled back.
 */
export async function copyRows(
  tx: Transaction,
  target: CopyTarget,
  rows: AsyncIterable<CopyRow> | Iterable<CopyRow>,
): Promise<void> {
  await driverOf(tx).copyRows(target, copyText(rows));
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
