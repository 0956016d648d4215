/**
 * Plans: how a document is answered without the executor, worked out once for each document.
 *
 * A list is one statement, together with all rows that its rows refer to. The lists of all those rows are one more statement.
 * Once everything is read, the answer is put together at once. `make-plan.ts` makes plans, `run-plan.ts` runs them.
 */
import type { Joined, LoadedValue, Shape } from "../../db/queries/admin/shapes.ts";
import type { Requested } from "./collect-fields.ts";

/** The plan of a query, or of each event of a subscription, which brings all rows that its plan needs. */
export interface Plan {
  /** The fields of the root. */
  readonly fields: readonly PlannedField[];
  /** What is read for them, by their names in the answer: lists, and rows that their resolvers load. */
  readonly lists: Map<string, ListPlan>;
  readonly rows: Map<string, Omit<ListPlan, "parts">>;
}

export interface PlannedField {
  /** Its name in the answer. */
  readonly key: string;
  /** Its completed value. @throws {PlanFailedError} and any error of its resolver. */
  readonly answer: (source: Source, resolve: Resolve) => unknown;
}

/** The object that a field belongs to: a row, a page, or any other. */
export type Source = Readonly<Record<string, unknown>>;

/** Calls a field's resolver with the arguments that the document gives it. */
export type Resolve = (requested: Requested, source: unknown) => unknown;

/** What is read of rows of one table. `make-plan.ts` adds to it field by field. */
export interface RowPlan extends Shape {
  readonly columns: Set<string>;
  readonly loaded: Map<string, LoadedValue>;
  readonly joined: Map<string, Joined & { readonly shape: RowPlan }>;
  /** Lists that belong to each row, by names that no column has. */
  readonly lists: Map<string, ListPlan>;
}

export interface ListPlan {
  readonly requested: Requested;
  readonly rows: RowPlan;
  /** The parts of its pages that are requested: names of `PageParts`. */
  readonly parts: ReadonlySet<string>;
}

/** A row that was joined to this one; null if there is none. */
export function joinedRow(row: Source, at: string): Record<string, unknown> | null {
  const found = row[at] as Record<string, unknown> | null;
  return found === null || found.id === null ? null : found;
}
