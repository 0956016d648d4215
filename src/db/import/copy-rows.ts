/** COPY: the fastest way of many rows into a table, inside a Drizzle transaction. */
import { driverOf, type Transaction } from "../driver/drizzle-transaction.ts";
import type { CopyTarget } from "../driver/transaction.ts";

/** The values of one row as PostgreSQL reads them, in the order of the target's columns. */
export type CopyRow = readonly (string | null)[];

/** How much text is gathered for one write, in characters. */
const CHUNK_CHARACTERS = 65_536;

/**
 * Copies rows into a table, no more of them in memory than the connection takes; resolves when the server has taken them all.
 * Rejects with the server's error, or with what `rows` throws; the transaction is to be rolled back then.
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
