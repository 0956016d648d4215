/** Relay connections over `Page`: each field reads only when it is asked for. */
import type { OutputRef } from "@pothos/core";
import { builder } from "../builder.ts";
import {
  DEFAULT_PAGE_SIZE,
  type Edge,
  expectedPageSize,
  MAX_PAGE_SIZE,
  type Page,
  type PageArguments,
} from "../lists/page.ts";
import { Import, Invite, Message, Run, StaffMember, Thread, ToolCall } from "./nodes.ts";

/** The costs of what does not grow with the page: nothing, since the list itself has a price. */
const FREE = 0;

/** What reading a list costs beside its rows: one statement. */
const LIST_COST = 5;

/** All that a connection knows of what it lists: the fields are the node type's own affair. */
type Row = { id: string };

const PageInfo = builder.objectRef<Page<unknown>>("PageInfo").implement({
  description: "Where a page lies in its list.",
  fields: (t) => ({
    hasNextPage: t.boolean({
      description: "Whether rows follow after this page.",
      complexity: FREE,
      resolve: (page) => page.hasNextPage(),
    }),
    hasPreviousPage: t.boolean({
      description: "Whether rows come before this page.",
      complexity: FREE,
      resolve: (page) => page.hasPreviousPage(),
    }),
    startCursor: t.string({
      description: "The first row's cursor, for `before`; null for an empty page.",
      nullable: true,
      complexity: FREE,
      resolve: async (page) => (await page.edges()).at(0)?.cursor,
    }),
    endCursor: t.string({
      description: "The last row's cursor, for `after`; null for an empty page.",
      nullable: true,
      complexity: FREE,
      resolve: async (page) => (await page.edges()).at(-1)?.cursor,
    }),
  }),
});

export const ThreadConnection = connection("Thread", Thread);
export const MessageConnection = connection("Message", Message);
export const RunConnection = connection("Run", Run);
export const ToolCallConnection = connection("ToolCall", ToolCall);
export const StaffMemberConnection = connection("StaffMember", StaffMember);
export const InviteConnection = connection("Invite", Invite);
export const ImportConnection = connection("Import", Import);

/** The arguments that every list takes, beside its own filter and order. */
export const pageArguments = builder.args((t) => ({
  first: t.int({
    description: `How many rows from the start, 1 to ${MAX_PAGE_SIZE}; ${DEFAULT_PAGE_SIZE} by default.`,
  }),
  after: t.string({ description: "Only what follows after the row with this cursor." }),
  last: t.int({ description: `How many rows from the end, 1 to ${MAX_PAGE_SIZE}; not together with \`first\`.` }),
  before: t.string({ description: "Only what comes before the row with this cursor." }),
}));

/** The price of a list: what a row costs times the rows of a page. */
export function listCost(args: PageArguments): { field: number; multiplier: number } {
  return { field: LIST_COST, multiplier: expectedPageSize(args) };
}

/** The connection of a node type, with its edge. */
export function connection(name: string, node: OutputRef<string | Row>) {
  const EdgeType = builder.objectRef<Edge<Row>>(`${name}Edge`).implement({
    description: `One ${name} of a list, with its place there.`,
    fields: (t) => ({
      cursor: t.exposeString("cursor", {
        description: "Its place in this list and order, for `after` and `before`.",
      }),
      node: t.field({ type: node, description: "What stands there.", resolve: (edge) => edge.node }),
    }),
  });
  return builder.objectRef<Page<Row>>(`${name}Connection`).implement({
    description: `A page of a list of type ${name}.`,
    fields: (t) => ({
      edges: t.field({
        type: [EdgeType],
        description: "The rows of the page, each with its cursor.",
        complexity: { field: FREE, multiplier: 1 },
        resolve: (page) => page.edges(),
      }),
      nodes: t.field({
        type: [node],
        description: "The rows of the page.",
        resolve: async (page) => (await page.edges()).map((edge) => edge.node),
      }),
      pageInfo: t.field({
        type: PageInfo,
        description: "Whether the list goes on at either end.",
        complexity: FREE,
        resolve: (page) => page,
      }),
      totalCount: t.int({
        nullable: true,
        description: "How many rows all pages have, counted only when asked for; 25,001 means more than 25,000.",
        resolve: (page) => page.totalCount(),
      }),
    }),
  });
}
