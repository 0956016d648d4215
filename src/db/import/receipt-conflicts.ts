/**
 * Receipts that contradict each other, within the file or with what is stored. They become faults: no receipt is ever replaced by
 * another one that only has the same number.
 */
import { sql } from "drizzle-orm";
import type { Transaction } from "../driver/drizzle-transaction.ts";
import { type LineConflict, MAX_NAMED_FAULTS } from "./import-error.ts";
import type { StagedFile } from "./import-run.ts";
import { dayText, type ReceiptNumbers } from "./receipt-numbers.ts";

/** How many days one fault names; others are counted. */
const NAMED_DAYS = 3;

const IF_DAILY = "if the numbers begin anew each day, import with --receipts daily";

/** Creates `clashing_lines`: the lines of each receipt number that `staged_lines` has with several times of sale. */
export async function collectClashes(tx: Transaction): Promise<void> {
  await tx.execute(sql`
    create temporary table clashing_lines on commit drop as
    with clashing as (
      select receipt from staged_lines group by receipt having min(sold_at) <> max(sold_at)
    )
    select line, receipt, receipt_date, sold_at from staged_lines join clashing using (receipt)`);
}

/** Adds the lines whose receipt has another time of the same day in an earlier line. A receipt has one time of sale. */
export async function addConflictsOfTimes({ tx, faults }: StagedFile): Promise<void> {
  const conflicts = await tx.execute<LineConflict>(sql`
    with with_first as (
      select line, sold_at, first_value(line) over same_day as first_line, first_value(sold_at) over same_day as first_sold_at
      from clashing_lines
      window same_day as (partition by receipt, receipt_date order by line)
    )
    select line, first_line as "firstLine", count(*) over () as total
    from with_first where sold_at <> first_sold_at
    order by line limit ${MAX_NAMED_FAULTS}`);
  faults.addConflicts(conflicts, (firstLine) => ({
    column: "sold_at",
    reason: `differs from line ${firstLine}, which has the same receipt`,
  }));
}

/** Adds the lines whose receipt has another day in an earlier line. */
export async function addConflictsOfDays({ tx, faults }: StagedFile): Promise<void> {
  const conflicts = await tx.execute<LineConflict>(sql`
    with with_first as (
      select line, receipt_date, first_value(line) over same_number as first_line,
        first_value(receipt_date) over same_number as first_date
      from clashing_lines
      window same_number as (partition by receipt order by line)
    )
    select line, first_line as "firstLine", count(*) over () as total
    from with_first where receipt_date <> first_date
    order by line limit ${MAX_NAMED_FAULTS}`);
  faults.addConflicts(conflicts, (firstLine) => ({
    column: "sold_at",
    reason: `is of another day than line ${firstLine}, which has the same receipt: ${IF_DAILY}, else write the same time`,
  }));
}

/**
 * Adds one fault that names the days of the stored receipts which the file contradicts.
 *
 * Unique numbers: a stored number is of another day. The same instant is the same sale: then only the shop's time zone is
 * another than at the first import. With daily numbers such a sale would be stored twice, so there it is the fault.
 */
export async function addStoredConflicts({ tx, faults }: StagedFile, receiptNumbers: ReceiptNumbers): Promise<void> {
  const days = receiptNumbers === "unique" ? await findNumbersOfOtherDays(tx) : await findSalesOfOtherDays(tx);
  if (days.length === 0) return;
  const line = Math.min(...days.map((day) => day.line));
  const reason =
    receiptNumbers === "unique"
      ? `${describeDays(days, "a number", "numbers")}; no receipt replaces one of another day: ${IF_DAILY}, else correct the numbers or sold_at`
      : `${describeDays(days, "a stored sale", "stored sales")} at the same instant, but with another local date: SHOP_TIME_ZONE has changed since, set it back`;
  faults.add({ line, column: "receipt", reason });
}

/**
 * Adds one fault for receipts that would replace another sale of the same day: one at another time, with none of their products.
 * A corrected receipt keeps at least one of them.
 */
export async function addOtherSales({ tx, faults }: StagedFile): Promise<void> {
  const [found] = await tx.execute<{ count: string; line: number | null }>(sql`
    select count(*) as count, min(line) as line from file_receipts as r
    where stored_sold_at <> sold_at and not exists (
      select from file_lines as l join sale_lines as o on o.product_id = l.product_id and o.sale_id = r.stored_id
      where l.receipt = r.receipt and l.receipt_date = r.receipt_date
    )`);
  if (!found || found.line === null) return;
  const count = Number(found.count);
  const having = count === 1 ? "1 receipt has the number" : `${count} receipts have the numbers`;
  const what = `${having} of stored ones of another time with other products`;
  const reason = `${what}, which are other sales: give each till or shift numbers of its own, such as A-0001`;
  faults.add({ line: found.line, column: "receipt", reason });
}

interface StoredDay extends Record<string, unknown> {
  day: string;
  /** How many receipts of the file. A bigint of PostgreSQL. */
  count: string;
  /** The first line of the file. */
  line: number;
}

function findNumbersOfOtherDays(tx: Transaction) {
  return tx.execute<StoredDay>(sql`
    select stored_date::text as day, count(*) as count, min(line) as line from file_receipts
    where stored_date <> receipt_date and stored_sold_at <> sold_at
    group by stored_date order by stored_date`);
}

function findSalesOfOtherDays(tx: Transaction) {
  return tx.execute<StoredDay>(sql`
    select sales.receipt_date::text as day, count(*) as count, min(r.line) as line
    from file_receipts as r join sales on sales.receipt = r.receipt and sales.sold_at = r.sold_at
    where sales.receipt_date <> r.receipt_date
    group by sales.receipt_date order by sales.receipt_date`);
}

/** "12 receipts have numbers of 13 November 2026, 1 receipt has a number of 14 November 2026" */
function describeDays(days: readonly StoredDay[], one: string, several: string): string {
  const having = (count: number) => (count === 1 ? `1 receipt has ${one}` : `${count} receipts have ${several}`);
  const parts = days.slice(0, NAMED_DAYS).map(({ day, count }) => `${having(Number(count))} of ${dayText(day)}`);
  const others = days.slice(NAMED_DAYS);
  const rest = others.reduce((sum, { count }) => sum + Number(count), 0);
  if (rest > 0) parts.push(`${having(rest)} of ${others.length === 1 ? "another day" : `${others.length} other days`}`);
  return parts.join(", ");
}
