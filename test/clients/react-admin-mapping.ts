/**
 * React-admin on Counterhand's admin API: copy this file and `page-cursors.ts`, and list in `RESOURCES` what your pages show.
 *
 *     const link = new HttpLink({ uri, headers: { authorization: `Bearer ${token}` } });
 *     const client = new ApolloClient({ link, cache: new InMemoryCache() });
 *     <Admin dataProvider={createReactAdminDataProvider(client)}> <Resource name="threads" list={...} /> </Admin>
 *
 * Filters have the names and values of the API (`status`, `lastActivity.from`). Sort fields have the names of the record's fields
 * (`lastActivityAt`). Everything is read-only.
 */
import { type ApolloClient, gql } from "@apollo/client";
import type { DataProvider, GetListParams, GetListResult, RaRecord, SortPayload } from "ra-core";
import buildDataProvider, { type BuildQueryResult } from "ra-data-graphql";
import { createPageCursors } from "./page-cursors.ts";

/** By the name of the API's list: the type of its rows, the prefix of its filter and order types, and the fields to read. */
const RESOURCES: Record<string, { type: string; input: string; fields: string }> = {
  threads: {
    type: "Thread",
    input: "Thread",
    fields: "title status createdAt lastActivityAt messageCount chat { id title type }",
  },
  messages: { type: "Message", input: "Message", fields: "role text createdAt author { id name } thread { id }" },
  runs: { type: "Run", input: "Run", fields: "status model queuedAt durationMs error { code message } thread { id }" },
  toolCalls: { type: "ToolCall", input: "ToolCall", fields: "name status durationMs error run { id } thread { id }" },
  staff: { type: "StaffMember", input: "Staff", fields: "name username role createdAt removedAt" },
};

/** The API does not count more rows. React-admin then shows "next" and "previous" only. */
const MAX_COUNTED = 25_000;

export function createReactAdminDataProvider(client: ApolloClient<unknown>): DataProvider {
  const provider = buildDataProvider({ client, introspection: false, buildQuery: () => buildQuery });
  const cursors = createPageCursors();

  async function getList<Row extends RaRecord>(resource: string, params: GetListParams): Promise<GetListResult<Row>> {
    const { page, perPage } = params.pagination ?? { page: 1, perPage: 25 };
    const skip = (page - 1) * perPage;
    const which = { filter: params.filter, orderBy: toOrder(params.sort) };
    const list = JSON.stringify([resource, which]);
    const after = await cursors.find(list, skip, async (first, after) => {
      const query = listOf(resource, "pageInfo { endCursor }");
      const { data } = await client.query({
        query,
        variables: { ...which, first, after },
        fetchPolicy: "network-only",
      });
      return data.list.pageInfo.endCursor;
    });
    const meta = { ...params.meta, variables: { ...which, first: perPage, after } };
    const result = await provider.getList<Row>(resource, { ...params, meta });
    cursors.remember(list, skip + result.data.length, result.meta.endCursor);
    return result;
  }

  return {
    ...provider,
    getList,
    getManyReference: (resource, { target, id, ...params }) =>
      getList(resource, { ...params, filter: { ...params.filter, [target]: id } }),
  };
}

/** The query that ra-data-graphql sends for each method of react-admin, and how the response is read. */
function buildQuery(method: string, resource: string, params: Params): BuildQueryResult {
  const { type, fields } = describe(resource);
  switch (method) {
    case "GET_LIST":
      return {
        query: listOf(resource, `nodes { id ${fields} } totalCount pageInfo { endCursor hasNextPage hasPreviousPage }`),
        variables: params.meta?.variables ?? {},
        parseResponse: ({ data }) => toList(data.list),
      };
    case "GET_ONE":
      return {
        query: gql(`query ($id: ID!) { node(id: $id) { id ... on ${type} { ${fields} } } }`),
        variables: { id: params.id },
        parseResponse({ data }) {
          if (data.node === null) throw new Error(`There is no such row of ${resource}`);
          return { data: data.node };
        },
      };
    case "GET_MANY":
      return {
        query: gql(`query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on ${type} { ${fields} } } }`),
        variables: { ids: params.ids },
        parseResponse: ({ data }) => ({ data: data.nodes.filter((node: object | null) => node !== null) }),
      };
    default:
      throw new Error(`The admin API has no ${method} of ${resource}`);
  }
}

interface Params {
  id?: string;
  ids?: string[];
  meta?: { variables: object };
}

function listOf(resource: string, selection: string) {
  const { input } = describe(resource);
  return gql(`query ($filter: ${input}Filter, $orderBy: ${input}Order, $first: Int, $after: String) {
    list: ${resource}(filter: $filter, orderBy: $orderBy, first: $first, after: $after) { ${selection} } }`);
}

function toList({ nodes, totalCount, pageInfo: { endCursor, ...pageInfo } }: Connection) {
  return { data: nodes, ...(totalCount <= MAX_COUNTED && { total: totalCount }), pageInfo, meta: { endCursor } };
}

interface Connection {
  nodes: RaRecord[];
  totalCount: number;
  pageInfo: { endCursor: string | null; hasNextPage: boolean; hasPreviousPage: boolean };
}

/** `lastActivityAt` becomes `LAST_ACTIVITY_AT`. React-admin sends `id` if there is no sort: then the API's default order applies. */
function toOrder(sort: SortPayload | undefined) {
  if (!sort || sort.field === "id") return null;
  return { field: sort.field.replaceAll(/[A-Z]/g, "_$&").toUpperCase(), direction: sort.order };
}

function describe(resource: string) {
  const described = RESOURCES[resource];
  if (!described) throw new Error(`RESOURCES has no entry for ${resource}`);
  return described;
}
