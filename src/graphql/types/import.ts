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
  description: "What a file holds.",
  values: {
    PRODUCTS: { value: "products", description: "Products, with their stock." },
    SALES: { value: "sales", description: "Sales, receipt by receipt." },
  } satisfies Record<string, { value: ImportRow["kind"]; description: string }>,
});

Import.implement({
  description: "A file of products or sales that was taken in whole. One that was refused leaves nothing behind.",
  fields: (t) => ({
    kind: t.expose("kind", { type: ImportKind, description: "What the file holds." }),
    fileName: t.exposeString("fileName", { description: "The file's name." }),
    fileHash: t.exposeString("fileHash", { description: "The SHA-256 of the file, in hex: equal for equal files." }),
    importedBy: t.exposeString("importedBy", {
      description: "Who imported it: the operating system's user name, or `demo`.",
    }),
    rowCount: t.exposeInt("rowCount", { description: "How many rows the file has, without its header." }),
    changedCount: t.exposeInt("changedCount", {
      description: "How many products or receipts it added or changed; 0 for a file that was imported before.",
    }),
    startedAt: t.expose("startedAt", { type: "DateTime", description: "When it began." }),
    completedAt: t.expose("completedAt", { type: "DateTime", description: "When it was done." }),
    durationMs: fromColumns(t, "startedAt", "completedAt").int({
      description: "From its beginning to its end, in milliseconds.",
      resolve: (row) => durationMs(row.startedAt, row.completedAt) ?? 0,
    }),
    dataThrough: t.expose("dataThrough", {
      type: "DateTime",
      nullable: true,
      description: "How far its data goes: the newest sale, or the time of the count. Null where it has none.",
    }),
  }),
});

const ImportFilter = builder.inputType("ImportFilter", {
  description: "Which imports; all conditions given must hold.",
  fields: (t) => ({
    kind: t.field({ type: ImportKind, description: "Of files that hold this." }),
    completed: t.field({ type: DateTimeRange, description: "Done in this time." }),
    changedOnly: t.boolean({ description: "True: only those that added or changed something. False: all." }),
    fileName: t.string({ description: "With these letters in the file's name, whatever their case." }),
  }),
});

const ImportOrderField = builder.enumType("ImportOrderField", {
  description: "By what imports can be ordered.",
  values: { COMPLETED_AT: { value: "completedAt", description: "When they were done." } } as const,
});

const ImportOrder = builder.inputType("ImportOrder", {
  description: "An order of imports.",
  fields: (t) => ({
    field: t.field({ type: ImportOrderField, required: true, description: "By what." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Which end comes first." }),
  }),
});

builder.queryField("imports", (t) =>
  t.field({
    type: ImportConnection,
    description: "The imports of products and sales; the newest first unless ordered otherwise.",
    args: {
      ...pageArguments,
      filter: t.arg({ type: ImportFilter, description: "Which of them." }),
      orderBy: t.arg({ type: ImportOrder, description: "In which order." }),
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
