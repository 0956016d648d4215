/**
 * Runs a plan: reads each list by one statement for all its parents, and then puts the answer together at once.
 *
 * Any failure ends the plan. The executor then resolves the document field by field, and says what is wrong with which field.
 */
import { type ExecutionArgs, type ExecutionResult, type ValidatedExecutionArgs, validateExecutionArgs } from "graphql";
import { countRows, findShapedRows, hasRowsOutside } from "../../db/queries/admin/paging.ts";
import type { AdminContext } from "../context.ts";
import { createPage, type Page, type PageSource } from "../lists/page.ts";
import { completeFields, createResolve, PlanFailedError } from "./complete.ts";
import { joinedRow, type ListPlan, type Plan, type Resolve, type RowPlan } from "./plan.ts";

type Run = Pick<AdminContext, "db"> & { readonly resolve: Resolve };
type Row = Record<string, unknown>;

/** The answer's data. @throws any error of a resolver or of the database. */
export async function runPlan(plan: Plan, args: ExecutionArgs): Promise<Row> {
  const validated = validateExecutionArgs(args);
  if (!("variableValues" in validated)) throw new PlanFailedError("the variables do not fit");
  const context = args.contextValue as AdminContext;
  const run = { db: context.db, resolve: createResolve(validated)(context) };
  const root: Row = {};
  const loadRow = async (key: string, { requested, rows }: Omit<ListPlan, "parts">) => {
    const found = (await run.resolve(requested, root)) as Row | null | undefined;
    root[key] = found && { ...found };
    if (found) await loadLists(run, rows, [root[key] as Row]);
  };
  await Promise.all([loadLists(run, plan, [root]), ...Array.from(plan.rows, ([key, row]) => loadRow(key, row))]);
  return completeFields(plan.fields, root, run.resolve);
}

/**
 * Makes a function that answers events; with null if only the executor can answer, or can say what is wrong. An event may be
 * answered for a thousand subscribers. The executor takes five times as long, and leaves more garbage to collect.
 */
export function createEventAnswers({ fields }: Plan, args: ValidatedExecutionArgs) {
  const resolveIn = createResolve(args);
  return (event: unknown, context: AdminContext): ExecutionResult | null => {
    try {
      return { data: completeFields(fields, event as Row, resolveIn(context)) };
    } catch {
      // The same failure happens again in the executor, which reports it with its place in the answer.
      return null;
    }
  };
}

/** Adds the pages of its lists to each row, and to the rows that are joined to it. */
async function loadLists(run: Run, plan: Pick<RowPlan, "lists"> & Partial<RowPlan>, rows: Row[]): Promise<void> {
  const [first] = rows;
  if (!first) return;
  // A list is the same for all rows, except for its parent: see `listOfRow`. All lists are opened before the first statement:
  // for a wrong argument nothing is read, since the executor reads everything again.
  const sources = Array.from(
    plan.lists.values(),
    ({ requested }) => (run.resolve(requested, first) as Page<Row>).source,
  );
  const loadList = async (at: string, list: ListPlan, source: PageSource) => {
    // The root has no id, but the parent of its list may be an argument.
    const parentOf = (row: Row) => (row.id ?? source.scope.parentId) as string | null;
    const parents = rows.map(parentOf);
    const pages = await readPages(run, list, source, [...new Set(parents)]);
    for (const [index, row] of rows.entries()) row[at] = pages.get(parents[index] as string | null);
  };
  await Promise.all([
    ...Array.from(plan.lists, ([at, list], index) => loadList(at, list, sources[index] as PageSource)),
    ...Array.from(plan.joined ?? [], ([at, { shape }]) => {
      const joined = rows.map((row) => joinedRow(row, at)).filter((row) => row !== null);
      return loadLists(run, shape, joined);
    }),
  ]);
}

/** The page of each parent, by the parent's id: null for a list without a parent. */
async function readPages(run: Run, { rows: plan, parts }: ListPlan, source: PageSource, ids: (string | null)[]) {
  const { listing, window, scope } = source;
  const hasCursor = (window.after ?? window.before) !== undefined;
  if (hasCursor && ids.length > 1) throw new PlanFailedError("a cursor belongs to one list");
  const parents = ids.includes(null) ? undefined : (ids as string[]);
  const hasOutside = (edge: "after" | "before") => hasRowsOutside(run.db, listing, { edge, window }, parents);
  const [rows, after, before, counts] = await Promise.all([
    findShapedRows(run.db, { ...listing, shape: plan }, { ...window, limit: window.limit + 1 }, parents),
    parts.has("hasPreviousPage") ? hasOutside("after") : [],
    parts.has("hasNextPage") ? hasOutside("before") : [],
    parts.has("totalCount") ? countRows(run.db, listing, parents) : [],
  ]);
  const byParent = Map.groupBy(rows, (row) => row.parentId);
  const inWindow = [...byParent.values()].flatMap((found) => found.slice(0, window.limit));
  await loadLists(run, plan, inWindow);
  const pages = ids.map((parentId, index) => {
    const reads = {
      rows: () => byParent.get(parentId) ?? [],
      hasOutside: (edge: "after" | "before") => (edge === "after" ? after : before)[index] ?? false,
      count: () => counts[index] ?? 0,
    };
    return [parentId, createPage({ ...source, scope: { ...scope, parentId } }, reads)] as const;
  });
  return new Map<string | null, Page<Row>>(pages);
}
