/**
 * How receipt numbers are read: `unique`, a number is one receipt for ever, or `daily`, the till begins anew each day, so that
 * the local date belongs to the key. Each import records it, and the next one repeats it unless told otherwise.
 */
import { and, desc, eq, isNotNull, sql } from "drizzle-orm";
import { BadInputError } from "../../errors.ts";
import type { Transaction } from "../driver/drizzle-transaction.ts";
import { imports, type receiptNumbers } from "../schema/index.ts";
import { quoteCell } from "./import-error.ts";

export type ReceiptNumbers = (typeof receiptNumbers.enumValues)[number];

/**
 * What was asked for, else what the last import of sales had, else `unique`. To be called while other imports wait.
 *
 * @throws {BadInputError} when `unique` is asked for and several days have the same number: it would no longer be known which
 * receipt a file means.
 */
export async function decideReceiptNumbers(
  tx: Transaction,
  { fileName, receiptNumbers: wanted }: { fileName: string; receiptNumbers?: ReceiptNumbers },
): Promise<ReceiptNumbers> {
  const [last] = await tx
    .select({ receiptNumbers: imports.receiptNumbers })
    .from(imports)
    .where(and(eq(imports.kind, "sales"), isNotNull(imports.receiptNumbers)))
    .orderBy(desc(imports.completedAt), desc(imports.id))
    .limit(1);
  const before = last?.receiptNumbers ?? "unique";
  if (wanted === "unique" && before === "daily") await rejectRepeatedNumbers(tx, fileName);
  return wanted ?? before;
}

async function rejectRepeatedNumbers(tx: Transaction, fileName: string): Promise<void> {
  const [repeated] = await tx.execute<{ receipt: string; days: string[]; total: string }>(sql`
    select receipt, (array_agg(receipt_date::text order by receipt_date))[:2] as days, count(*) over () as total
    from sales group by receipt having count(*) > 1
    order by receipt limit 1`);
  if (!repeated) return;
  const { receipt, days, total } = repeated;
  const numbers = total === "1" ? "1 receipt number is" : `${total} receipt numbers are`;
  throw new BadInputError(
    `Nothing was imported from ${fileName}: ${numbers} stored with several days, such as ${quoteCell(receipt)} with ${days.map(dayText).join(" and ")}, so the numbers are not unique: import with --receipts daily`,
  );
}

/** "13 November 2026" */
export function dayText(isoDate: string): string {
  return Temporal.PlainDate.from(isoDate).toLocaleString("en-GB", { dateStyle: "long" });
}
