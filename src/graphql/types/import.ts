/** Imports of products and sales, and the list of them. */
import { type ImportRow, listImports } from "../../db/queries/admin/imports.ts";
import { builder } from "../builder.ts";
import type { AdminContext } from "../context.ts";
import { openPage, type Page, type PageArguments } from "../lists/page.ts";
import { ImportConnection, pageArguments } from "./connections.ts";
import { DateTimeRange, isDescending, OrderDirection } from "./inputs.ts";
import { Import } from "./nodes.ts";
import { fromColumns, list } from "./reading.ts";
import { durationMs } from "./runs/duration.ts";

const ImportKind = builder.enumType("ImportKind", {
  description: "The content of an imported file.",
  values: {
    PRODUCTS: { value: "products", description: "Products with their stock." },
    SALES: { value: "sales", description: "Sales receipts." },
  } satisfies Record<string, { value: ImportRow["kind"]; description: string }>,
});

const ReceiptNumbers = builder.enumType("ReceiptNumbers", {
  description: "How far a receipt number is unique.",
  values: {
    UNIQUE: { value: "unique", description: "A number belongs to one receipt for ever." },
    DAILY: {
      value: "daily",
      description: "The numbers begin anew each day: number and local date identify a receipt.",
    },
  } satisfies Record<string, { value: NonNullable<ImportRow["receiptNumbers"]>; description: string }>,
});

Import.implement({
  description: "A file of products or sales that was imported completely. A refused file changes nothing.",
  fields: (t) => ({
    kind: t.expose("kind", { type: ImportKind, description: "The content of the file." }),
    fileName: t.exposeString("fileName", { description: "The name of the file." }),
    fileHash: t.exposeString("fileHash", {
      description: "The SHA-256 of the file, in hex. Equal files have equal hashes.",
    }),
    importedBy: t.exposeString("importedBy", {
      description: "Who imported it: the user name of the operating system, or `demo`.",
    }),
    rowCount: t.exposeInt("rowCount", { description: "The number of rows in the file, without the header." }),
    changedCount: t.exposeInt("changedCount", {
      description:
        "The number of products or receipts that were added or changed; 0 for a file that was imported before.",
    }),
    startedAt: t.expose("startedAt", { type: "DateTime", description: "When the import started." }),
    completedAt: t.expose("completedAt", { type: "DateTime", description: "When the import ended." }),
    durationMs: fromColumns(t, "startedAt", "completedAt").int({
      description: "From start to end, in milliseconds.",
      resolve: (row) => durationMs(row.startedAt, row.completedAt) ?? 0,
    }),
    dataThrough: t.expose("dataThrough", {
      type: "DateTime",
      nullable: true,
      description:
        "How far the data reaches: the latest sale, or the time of the stock count. Null if the file has neither.",
    }),
    receiptNumbers: t.expose("receiptNumbers", {
      type: ReceiptNumbers,
      nullable: true,
      description:
        "How the receipt numbers of a sales file were read. The next file is read in the same way, unless its import says otherwise. Null for products, and for imports by earlier versions.",
    }),
  }),
});

const ImportFilter = builder.inputType("ImportFilter", {
  description: "Filters imports. All given conditions must match.",
  fields: (t) => ({
    kind: t.field({ type: ImportKind, description: "Imports of files with this content." }),
    completed: t.field({ type: DateTimeRange, description: "Imports that ended in this time range." }),
    changedOnly: t.boolean({ description: "True: only imports that added or changed something. False: all imports." }),
    fileName: t.string({ description: "Imports whose file name contains this text (case-insensitive)." }),
  }),
});

const ImportOrderField = builder.enumType("ImportOrderField", {
  description: "Fields by which imports can be ordered.",
  values: { COMPLETED_AT: { value: "completedAt", description: "By time of completion." } } as const,
});

const ImportOrder = builder.inputType("ImportOrder", {
  description: "How to order imports.",
  fields: (t) => ({
    field: t.field({ type: ImportOrderField, required: true, description: "The field to order by." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Ascending or descending." }),
  }),
});

builder.queryField("imports", (t) =>
  t.field({
    type: ImportConnection,
    description: "The imports of products and sales; newest first by default.",
    args: {
      ...pageArguments,
      filter: t.arg({ type: ImportFilter, description: "Filters the list." }),
      orderBy: t.arg({ type: ImportOrder, description: "Orders the list." }),
    },
    ...list(openImports),
  }),
);

type Arguments = PageArguments & {
  readonly filter?: typeof ImportFilter.$inferInput | null | undefined;
  readonly orderBy?: typeof ImportOrder.$inferInput | null | undefined;
};

function openImports(context: AdminContext, args: Arguments): Page<ImportRow> {
  return openPage(context, { listing: listImports(args.filter ?? {}), descending: isDescending(args.orderBy), args });
}
