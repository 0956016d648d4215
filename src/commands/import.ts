/**
 * `npm run import -- products FILE.csv` and `... sales FILE.csv [--receipts unique|daily]`: imports a file into the shop's
 * database, also while the bot runs.
 *
 * Prints plain sentences. Exits with code 1 when nothing was imported. `src/db/import/` does the work.
 */
import { userInfo } from "node:os";
import { parseArgs } from "node:util";
import { loadConfig } from "../config.ts";
import { quoteCell } from "../db/import/import-error.ts";
import { openImportFile } from "../db/import/import-file.ts";
import { importProducts } from "../db/import/import-products.ts";
import type { ImportOptions, ImportSummary } from "../db/import/import-run.ts";
import { importSales, type SalesImportSummary } from "../db/import/import-sales.ts";
import type { ReceiptNumbers } from "../db/import/receipt-numbers.ts";
import { openDatabase } from "../db/open.ts";
import { BadInputError, StartupError } from "../errors.ts";
import { createLogger } from "../observability/logger.ts";
import { allowSlowConnections } from "../process/connecting.ts";
import { clockAt, dateAt } from "../shop/calendar.ts";
import { describeFailure } from "./describe-failure.ts";
import { drawProgress, formatNumber, writeProgress } from "./import-progress.ts";
import { withDatabase } from "./with-database.ts";

const USAGE = `Usage:
  npm run import -- products FILE.csv    columns: sku,name,category,price,cost,stock,reorder_level
  npm run import -- sales FILE.csv       columns: receipt,sold_at,sku,quantity,unit_price,discount
    --receipts daily     the till begins its numbers anew each day: 0001 of today is not 0001 of yesterday
    --receipts unique    a number is one receipt for ever (the default)
    What you choose is remembered for the next file of sales.`;

/** How many unknown SKUs are named; others are only counted. */
const NAMED_SKUS = 10;

interface Command {
  kind: "products" | "sales";
  path: string;
  /** Undefined without `--receipts`. */
  receiptNumbers: ReceiptNumbers | undefined;
}

try {
  console.log(await importFile(readCommand(process.argv.slice(2))));
} catch (error) {
  const nothing = error instanceof StartupError ? "Nothing was imported. " : "";
  console.error(nothing + describeFailure(error, "The import failed, and nothing was imported"));
  process.exitCode = 1;
}

function readCommand(args: string[]): Command {
  const { positionals, values } = parseCommand(args);
  const [kind, path, ...extra] = positionals;
  if ((kind !== "products" && kind !== "sales") || !path || extra.length > 0) throw new BadInputError(USAGE);
  const { receipts } = values;
  if (receipts !== undefined && kind === "products") {
    throw new BadInputError("--receipts is for sales: a file of products has no receipts.");
  }
  if (receipts !== undefined && receipts !== "unique" && receipts !== "daily") {
    throw new BadInputError(`--receipts is unique or daily, not ${quoteCell(receipts)}.`);
  }
  return { kind, path, receiptNumbers: receipts };
}

function parseCommand(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { receipts: { type: "string" } } });
  } catch {
    throw new BadInputError(USAGE);
  }
}

/** Imports the file and returns the sentences to print. */
async function importFile({ kind, path, receiptNumbers }: Command): Promise<string> {
  const file = await openImportFile(path);
  allowSlowConnections();
  const { shop, ...config } = loadConfig();
  // Warnings and errors only: the sentences below report the rest.
  const logger = createLogger({ level: "warn", pretty: process.stdout.isTTY });
  return withDatabase(
    (signal) => openDatabase({ shop, ...config }, logger, { signal }),
    async ({ database }) => {
      const progress = process.stderr.isTTY ? drawProgress(process.stderr) : writeProgress(process.stderr);
      const now = new Date();
      const options: ImportOptions = { ...file, importedBy: userName(), shop, now, onProgress: progress.show };
      try {
        if (kind === "products") return describeProducts(await importProducts(database, options));
        const summary = await importSales(database, receiptNumbers ? { ...options, receiptNumbers } : options);
        const numbers = describeNumbers(summary.receiptNumbers, receiptNumbers !== undefined);
        return [describeSales(summary, shop.timeZone), ...numbers].join("\n");
      } finally {
        progress.stop();
      }
    },
  );
}

function describeSales(summary: SalesImportSummary, timeZone: string): string {
  const { receiptCount, changedCount, salesThrough } = summary;
  const reach = `The latest sale is from ${dateAt(salesThrough, timeZone)} ${clockAt(salesThrough, timeZone)}.`;
  const counts = `${count(receiptCount, "receipt")}, ${formatNumber(changedCount)} new or changed`;
  return sentences(summary, counts, [reach, ...describeUnknown(summary)]);
}

/** Nothing for the default that nobody asked for. */
function describeNumbers(numbers: ReceiptNumbers, isGiven: boolean): string[] {
  if (numbers === "unique" && !isGiven) return [];
  const meaning =
    numbers === "daily"
      ? "The same receipt number on another day is another receipt (--receipts daily)"
      : "A receipt number is one receipt for ever (--receipts unique)";
  return [`${meaning}, ${isGiven ? "also in the next file" : "as in the file before"}.`];
}

function describeProducts(summary: ImportSummary): string {
  const counts = `${formatNumber(summary.changedCount)} new or changed`;
  const added = summary.newProducts.length;
  return sentences(summary, counts, added > 0 ? [`New products: ${formatNumber(added)}.`] : []);
}

function sentences(summary: ImportSummary, counts: string, further: string[]): string {
  const start = summary.unchanged
    ? `Read ${count(summary.rowCount, "row")}: everything was already stored, nothing changed.`
    : `Imported ${count(summary.rowCount, "row")}: ${counts}.`;
  const ignored = summary.ignoredColumns;
  if (ignored.length > 0) further.push(`Ignored the columns ${ignored.map(quoteCell).join(", ")}.`);
  return [start, ...further].join("\n");
}

function describeUnknown({ newProducts }: ImportSummary): string[] {
  if (newProducts.length === 0) return [];
  const named = newProducts.slice(0, NAMED_SKUS).join(", ");
  const others = newProducts.length - NAMED_SKUS;
  const added = newProducts.length === 1 ? "was added as an inactive product" : "were added as inactive products";
  const list = `${named}${others > 0 ? ` and ${formatNumber(others)} more` : ""}`;
  return [`${count(newProducts.length, "unknown SKU")} ${added}: ${list}.`];
}

function count(amount: number, noun: string): string {
  return `${formatNumber(amount)} ${noun}${amount === 1 ? "" : "s"}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // Node throws a SystemError for a user id without a name, which is common in containers.
    return `user ${process.getuid?.() ?? "unknown"}`;
  }
}
