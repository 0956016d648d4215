/**
 * From `staged_lines` to the sales tables: finds the receipts that are new or differ, and writes those as a whole.
 *
 * It works with temporary tables that end with the transaction, so the file may have any number of lines.
 */
import { sql } from "drizzle-orm";
import type { Transaction } from "../driver/drizzle-transaction.ts";
import type { ReceiptNumbers } from "./receipt-numbers.ts";

export interface ReceiptComparison {
  receiptCount: number;
  /** Receipts that are new or differ from what is stored. */
  changedCount: number;
  /** The newest `sold_at` of the file. */
  dataThrough: Date;
}

/**
 * Creates `file_lines` and `file_receipts`, each receipt with the stored one that it replaces. Every SKU of the file must have a
 * product, and no receipt of `staged_lines` two times of sale.
 */
export async function matchReceipts(
  tx: Transaction,
  { receiptNumbers, timeZone }: { receiptNumbers: ReceiptNumbers; timeZone: string },
): Promise<void> {
  // Only receipts that an earlier version stored.
  await tx.execute(sql`
    update sales set receipt_date = (sold_at at time zone ${timeZone})::date where receipt_date is null`);
  await createFileLines(tx);
  await createFileReceipts(tx, receiptNumbers);
}

/** Creates `receipts_to_write`, after `matchReceipts`. */
export async function compareReceipts(tx: Transaction): Promise<ReceiptComparison> {
  await createReceiptsToWrite(tx);
  const [counted] = await tx.execute<{ receipts: string; changed: string; through: string }>(sql`
    select count(*) as receipts, (extract(epoch from max(sold_at)) * 1000)::bigint as through,
      (select count(*) from receipts_to_write) as changed
    from file_receipts`);
  if (!counted) throw new Error("an aggregate without GROUP BY always has a row");
  return {
    receiptCount: Number(counted.receipts),
    changedCount: Number(counted.changed),
    dataThrough: new Date(Number(counted.through)),
  };
}

/** Writes `receipts_to_write`. A stored receipt keeps its id, and its SKUs keep their stored unit costs. */
export async function saveReceipts(tx: Transaction, importId: string): Promise<void> {
  await tx.execute(sql`
    create temporary table stored_costs on commit drop as
    select distinct on (sale_id, product_id) sale_id, product_id, unit_cost
    from sale_lines where sale_id in (select stored_id from receipts_to_write)
    order by sale_id, product_id, position`);
  await tx.execute(sql`delete from sale_lines where sale_id in (select stored_id from receipts_to_write)`);
  await tx.execute(sql`
    update sales set sold_at = receipts_to_write.sold_at, receipt_date = receipts_to_write.receipt_date,
      import_id = ${importId}
    from receipts_to_write where sales.id = receipts_to_write.stored_id`);
  await tx.execute(sql`
    insert into sales (id, receipt, receipt_date, sold_at, import_id)
    select sale_id, receipt, receipt_date, sold_at, ${importId}::uuid from receipts_to_write where stored_id is null`);
  await insertLines(tx);
}

/** `round` of numeric rounds half away from zero, like `lineAmount` in money.ts. */
async function insertLines(tx: Transaction): Promise<void> {
  await tx.execute(sql`
    insert into sale_lines (id, sale_id, position, product_id, quantity, unit_price, discount, unit_cost,
      gross_amount, net_amount, cost_amount)
    select l.line_id, coalesce(r.stored_id, r.sale_id), l.position, l.product_id, l.quantity, l.unit_price, l.discount,
      amounts.unit_cost, amounts.gross, sign(l.quantity) * (abs(amounts.gross) - l.discount),
      round(l.quantity * amounts.unit_cost)
    from receipts_to_write as r
    join file_lines as l on l.receipt = r.receipt and l.receipt_date = r.receipt_date
    left join stored_costs as k on k.sale_id = r.stored_id and k.product_id = l.product_id
    cross join lateral (
      select round(l.quantity * l.unit_price) as gross,
        case when k.sale_id is null then l.product_cost else k.unit_cost end as unit_cost
    ) as amounts`);
}

/** The lines with their position on the receipt. The lines of a receipt may be anywhere in the file. */
async function createFileLines(tx: Transaction): Promise<void> {
  await tx.execute(sql`
    create temporary table file_lines on commit drop as
    select staged.line, staged.line_id, staged.sale_id, staged.receipt, staged.receipt_date, staged.sold_at,
      row_number() over (partition by staged.receipt, staged.receipt_date order by staged.line)::integer as position,
      products.id as product_id, products.cost as product_cost,
      staged.quantity, staged.unit_price, staged.discount
    from staged_lines as staged join products on products.sku = staged.sku`);
  await tx.execute(sql`analyze file_lines`);
}

async function createFileReceipts(tx: Transaction, receiptNumbers: ReceiptNumbers): Promise<void> {
  const ofSameDay = receiptNumbers === "daily" ? sql`and sales.receipt_date = l.receipt_date` : sql``;
  await tx.execute(sql`
    create temporary table file_receipts on commit drop as
    select l.line, l.receipt, l.receipt_date, l.sale_id, l.sold_at,
      sales.id as stored_id, sales.receipt_date as stored_date, sales.sold_at as stored_sold_at
    from file_lines as l left join sales on sales.receipt = l.receipt ${ofSameDay}
    where l.position = 1`);
  await tx.execute(sql`analyze file_receipts`);
}

async function createReceiptsToWrite(tx: Transaction): Promise<void> {
  await tx.execute(sql`
    create temporary table receipts_to_write on commit drop as
    with stored as (
      select sale_id, count(*) as line_count from sale_lines
      where sale_id in (select stored_id from file_receipts)
      group by sale_id
    ), compared as (
      select r.stored_id, count(*) as line_count,
        count(*) filter (where (o.product_id, o.quantity, o.unit_price, o.discount)
          = (l.product_id, l.quantity, l.unit_price, l.discount)) as same_count
      from file_receipts as r
      join file_lines as l on l.receipt = r.receipt and l.receipt_date = r.receipt_date
      left join sale_lines as o on o.sale_id = r.stored_id and o.position = l.position
      where r.stored_id is not null
      group by r.stored_id
    )
    select r.* from file_receipts as r
    left join compared on compared.stored_id = r.stored_id
    left join stored on stored.sale_id = r.stored_id
    where r.stored_id is null or r.sold_at <> r.stored_sold_at
      or compared.same_count <> compared.line_count or stored.line_count is distinct from compared.line_count`);
  await tx.execute(sql`analyze receipts_to_write`);
}
