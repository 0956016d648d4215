/**
 * Runs a plan: each list by one statement for all its parents, and the answer put together from the rows without a promise
 * for each of its fields.
 *
 * What a field says is its own resolver's matter, and so are its arguments and limits: a plan only knows where rows come from.
 * Fields with rights of their own have no plan.
 * Whatever goes wrong ends the plan; the executor then does the same field by field, and says what is wrong with which.
 */
import { type ExecutionArgs, isNonNullType, validateExecutionArgs } from "graphql";
import { findShapedRows, hasRowsOutside, type Parents } from "../../db/queries/admin/paging.ts";
import type { AdminContext } from "../context.ts";
import { encodeCursor } from "../lists/cursors.ts";
import type { Page, PageSource } from "../lists/page.ts";
import { type Answer, createCompleter, createResolve, PlanFailedError, type Resolve, type Row } from "./complete.ts";
import type { Connection, ConnectionField, PagePart, Plan, RootField, RowField, Rows } from "./plan.ts";

/** The answer's data. @throws whatever a resolver or the database throws. */
export async function runPlan(plan: Plan, args: ExecutionArgs): Promise<Answer> {
  const validated = validateExecutionArgs(args);
  if (!("variableValues" in validated)) throw new PlanFailedError("the variables do not fit");
  const context = args.contextValue as AdminContext;
  const run = createRun(context, createResolve(validated, plan.fragments));
  // All of them before the first statement: a wrong argument is told by the executor, which reads all anew.
  const reads = plan.root.map((field) => run.prepare(field));
  const values = await Promise.all(reads.map((read) => read()));
  return Object.fromEntries(plan.root.map((field, index) => [field.key, values[index]]));
}

function createRun(context: AdminContext, resolve: Resolve) {
  const { completeLocal } = createCompleter(resolve, context);

  /** All rows of one selection at once, in their order. */
  const completeRows = async ({ fields }: Rows, rows: readonly Row[]): Promise<Answer[]> => {
    const columns = await Promise.all(fields.map((field) => completeField(field, rows)));
    return rows.map((_, at) => {
      const answer: Answer = {};
      for (let index = 0; index < fields.length; index++) answer[fields[index]?.key ?? ""] = columns[index]?.[at];
      return answer;
    });
  };

  /**
   * One field of each row. What it throws must be a rejection: thrown at once, it would leave the fields before it, which
   * are loaded by then, with nobody who waits for their failure, and such a one ends the process.
   */
  const completeField = async (field: RowField, rows: readonly Row[]): Promise<unknown[]> => {
    if (field.as === "one") return completeOne(field, rows);
    if (field.as === "list") return completeLists(field, rows);
    return rows.map((row) => completeLocal(field, row));
  };

  const completeOne = async (field: RowField & { as: "one" }, rows: readonly Row[]): Promise<unknown[]> => {
    const found = rows.map((row) => row[field.at] as Row | null);
    const answers = await completeRows(
      field.rows,
      found.filter((row) => row !== null),
    );
    const rest = answers.values();
    return found.map((row) => {
      if (row !== null) return rest.next().value;
      if (isNonNullType(field.field.type)) throw new PlanFailedError("a row that must be there is not");
      return null;
    });
  };

  const completeLists = async (field: RowField & { as: "list" }, rows: readonly Row[]): Promise<unknown[]> => {
    const [first] = rows;
    if (!first) return [];
    // Equal for all rows but for whose list it is.
    const { source } = resolve(first, field, context) as Page<unknown>;
    const isSomewhere = source.window.after !== undefined || source.window.before !== undefined;
    const parents = [...new Set(rows.map((row) => String(row.id)))];
    if (isSomewhere && parents.length > 1) throw new PlanFailedError("a cursor is of one list only");
    const pages = await readConnections(field.connection, source, parents);
    return rows.map((row) => pages.get(String(row.id)));
  };

  const readConnections = async (connection: Connection, source: PageSource, parents: Parents) => {
    const { listing, window } = source;
    const rows = await findShapedRows(
      context.db,
      listing,
      { ...window, limit: window.limit + 1 },
      parents,
      connection.rows.shape,
    );
    const byParent = Map.groupBy(rows, (row) => row.parentId);
    const pages = (parents ?? [null]).map((parent) => {
      const found = byParent.get(parent) ?? [];
      const kept = found.slice(0, window.limit);
      return { parent, rows: window.backward ? kept.reverse() : kept, hasMore: found.length > window.limit };
    });
    const nodes = (
      await completeRows(
        connection.rows,
        pages.flatMap((page) => page.rows),
      )
    ).values();
    const outside = await readOutside(connection, source, parents);
    return new Map(
      pages.map((page, index) => {
        const whole = {
          ...page,
          nodes: page.rows.map(() => nodes.next().value),
          scope: { ...source.scope, parentId: page.parent },
        };
        const sides = { after: outside.after[index] ?? false, before: outside.before[index] ?? false };
        return [page.parent, completeConnection(connection, source, whole, sides)];
      }),
    );
  };

  const readOutside = async ({ fields }: Connection, { listing, window }: PageSource, parents: Parents) => {
    const asks = (part: PagePart) =>
      fields.some((field) => field.as === "pageInfo" && field.fields.some(({ as }) => as === part));
    const read = (edge: "after" | "before", part: PagePart): Promise<boolean[]> | boolean[] =>
      asks(part) && window[edge] !== undefined ? hasRowsOutside(context.db, listing, { edge, window }, parents) : [];
    const [after, before] = await Promise.all([read("after", "hasPreviousPage"), read("before", "hasNextPage")]);
    return { after, before };
  };

  /** @returns what reads it. @throws what its resolver says of its arguments. */
  const prepare = (field: RootField): (() => Promise<unknown>) => {
    if (field.as === "row") {
      return async () => {
        const row = (await resolve(undefined, field, context)) as Row | null | undefined;
        return row ? (await completeRows(field.rows, [row]))[0] : null;
      };
    }
    const { source } = resolve(undefined, field, context) as Page<unknown>;
    // A listing of one parent is asked for by its id.
    const { parentId } = source.scope;
    return async () => {
      const pages = await readConnections(field.connection, source, parentId === null ? undefined : [parentId]);
      return pages.get(parentId);
    };
  };
  return { prepare };
}

interface WholePage {
  readonly rows: readonly (Row & { readonly rowKey: string })[];
  readonly nodes: readonly unknown[];
  readonly hasMore: boolean;
  readonly scope: PageSource["scope"];
}

function completeConnection(
  { fields }: Connection,
  { window }: PageSource,
  page: WholePage,
  outside: { readonly after: boolean; readonly before: boolean },
): Answer {
  const cursorAt = (at: number) => {
    const row = page.rows.at(at);
    return row ? encodeCursor(page.scope, row.rowKey) : null;
  };
  const info: Record<PagePart, () => unknown> = {
    __typename: () => "PageInfo",
    hasNextPage: () => (!window.backward && page.hasMore) || outside.before,
    hasPreviousPage: () => (window.backward && page.hasMore) || outside.after,
    startCursor: () => cursorAt(0),
    endCursor: () => cursorAt(-1),
  };
  const completePart = (field: ConnectionField): unknown => {
    if (field.as === "typename") return field.name;
    if (field.as === "nodes") return page.nodes;
    if (field.as === "pageInfo") return Object.fromEntries(field.fields.map(({ key, as }) => [key, info[as]()]));
    return page.nodes.map((node, at) =>
      Object.fromEntries(
        field.fields.map(({ key, as }) => {
          if (as === "node") return [key, node];
          return [key, as === "cursor" ? cursorAt(at) : field.typeName];
        }),
      ),
    );
  };
  return Object.fromEntries(fields.map((field) => [field.key, completePart(field)]));
}
