/**
 * Refine on Counterhand's admin API: copy this file and `page-cursors.ts`.
 *
 *     const fetchOptions = { headers: { authorization: `Bearer ${token}` } };
 *     const client = new Client({ url, exchanges: [fetchExchange], fetchOptions, preferGetMethod: false });
 *     <Refine dataProvider={createRefineDataProvider(client)} resources={[{ name: "threads" }]} />
 *
 * `preferGetMethod: false`, because the API refuses GET (CSRF protection).
 *
 * Each list has its fields in `meta.gqlQuery`, as usual in Refine. The variables are the API's arguments, and the query must
 * select `endCursor`:
 *
 *     query ($filter: ThreadFilter, $orderBy: ThreadOrder, $first: Int, $after: String) {
 *       threads(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
 *         nodes { id title } totalCount pageInfo { endCursor }
 *       }
 *     }
 */
import type { CrudFilter, CrudSort, DataProvider } from "@refinedev/core";
import createDataProvider from "@refinedev/graphql";
import { createPageCursors } from "./page-cursors.ts";

type Client = Parameters<typeof createDataProvider>[0];

/** The operators that the API supports. Ranges are half-open: the start is included, the end is not. */
const CONDITIONS: Partial<Record<string, (value: unknown) => unknown>> = {
  eq: (value) => value,
  in: (values) => values,
  contains: (words) => words,
  gte: (from) => ({ from }),
  lt: (until) => ({ until }),
};

export function createRefineDataProvider(client: Client): DataProvider {
  const cursors = createPageCursors();
  const provider = createDataProvider(client, {
    getList: {
      buildVariables: ({ meta }) => meta?.variables ?? {},
      dataMapper({ data }, { resource, meta }) {
        const { nodes, pageInfo } = data[resource];
        cursors.remember(meta?.list, meta?.skip + nodes.length, pageInfo.endCursor);
        return nodes;
      },
    },
    getMany: {
      // Written as: query ($filter: [ID!]!) { threads: nodes(ids: $filter) { id ... on Thread { title } } }
      buildFilter: ({ ids }) => ids,
      dataMapper: ({ data }, { resource }) => data[resource].filter((node: object | null) => node !== null),
    },
  });

  return {
    ...provider,
    async getList(params) {
      const { resource, meta } = params;
      const { currentPage = 1, pageSize = 10, mode = "server" } = params.pagination ?? {};
      if (mode !== "server") throw new Error("The admin API gives at most 100 rows at once: leave the pages to it");
      const which = { filter: toFilter(params.filters), orderBy: toOrder(params.sorters) };
      const list = JSON.stringify([resource, which]);
      const skip = (currentPage - 1) * pageSize;
      const after = await cursors.find(list, skip, async (first, after) => {
        const { data, error } = await client.query(meta?.gqlQuery ?? "", { ...which, first, after });
        if (error) throw error;
        return data[resource].pageInfo.endCursor;
      });
      return provider.getList({
        ...params,
        meta: { ...meta, list, skip, variables: { ...which, first: pageSize, after } },
      });
    },
  };
}

/** Conditions on one field are merged, so a start and an end make a range. */
function toFilter(filters: CrudFilter[] = []): Record<string, unknown> {
  const filter: Record<string, unknown> = {};
  for (const condition of filters) {
    const say = CONDITIONS[condition.operator];
    if (!say || !("field" in condition)) throw new Error(`The admin API has no filter '${condition.operator}'`);
    const said = say(condition.value);
    const before = filter[condition.field];
    filter[condition.field] = isRange(said) && isRange(before) ? { ...before, ...said } : said;
  }
  return filter;
}

function isRange(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `lastActivityAt` becomes `LAST_ACTIVITY_AT`. Null selects the API's default order. */
function toOrder([sorter, ...more]: CrudSort[] = []) {
  if (more.length > 0) throw new Error("The admin API sorts by one field at a time");
  if (!sorter) return null;
  return { field: sorter.field.replaceAll(/[A-Z]/g, "_$&").toUpperCase(), direction: sorter.order.toUpperCase() };
}
