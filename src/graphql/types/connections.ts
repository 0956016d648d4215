/** Relay connections over `Page`: each field reads only if it is asked for. */
import type { OutputRef } from "@pothos/core";
import { builder } from "../builder.ts";
import { DEFAULT_PAGE_SIZE, type Edge, MAX_PAGE_SIZE, type Page } from "../lists/page.ts";
import { Import, Invite, Message, Run, StaffMember, Thread, ToolCall } from "./nodes.ts";
import { pagePart } from "./reading.ts";

/** The cost of a field whose work does not grow with the page: none, since the list itself has a price. */
const FREE = 0;

/** What a connection knows of its rows. Their fields belong to the node type. */
type Row = { id: string };

const PageInfo = builder.objectRef<Page<unknown>>("PageInfo").implement({
  description: "The position of a page in its list.",
  fields: (t) => ({
    hasNextPage: t.boolean({
      description: "Whether there are items after the page.",
      complexity: FREE,
      ...pagePart("hasNextPage"),
    }),
    hasPreviousPage: t.boolean({
      description: "Whether there are items before the page.",
      complexity: FREE,
      ...pagePart("hasPreviousPage"),
    }),
    startCursor: t.string({
      description: "The cursor of the first item, for `before`; null if the page is empty.",
      nullable: true,
      complexity: FREE,
      ...pagePart("startCursor"),
    }),
    endCursor: t.string({
      description: "The cursor of the last item, for `after`; null if the page is empty.",
      nullable: true,
      complexity: FREE,
      ...pagePart("endCursor"),
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

/** The arguments of every list, besides its own filter and order. */
export const pageArguments = builder.args((t) => ({
  first: t.int({
    description: `The number of items from the start, 1 to ${MAX_PAGE_SIZE}; ${DEFAULT_PAGE_SIZE} by default.`,
  }),
  after: t.string({ description: "Only items after the one with this cursor." }),
  last: t.int({ description: `The number of items from the end, 1 to ${MAX_PAGE_SIZE}. Not together with \`first\`.` }),
  before: t.string({ description: "Only items before the one with this cursor." }),
}));

/** The connection of a node type, with its edge. */
export function connection(name: string, node: OutputRef<string | Row>) {
  const EdgeType = builder.objectRef<Edge<Row>>(`${name}Edge`).implement({
    description: `An item in a list of ${name} objects.`,
    fields: (t) => ({
      cursor: t.exposeString("cursor", {
        description: "The position in this list and order, for `after` and `before`.",
      }),
      node: t.expose("node", { type: node, description: "The item." }),
    }),
  });
  return builder.objectRef<Page<Row>>(`${name}Connection`).implement({
    description: `A page of a list of ${name} objects.`,
    fields: (t) => ({
      edges: t.field({
        type: [EdgeType],
        description: "The items of the page, with their cursors.",
        complexity: { field: FREE, multiplier: 1 },
        ...pagePart("edges"),
      }),
      nodes: t.field({ type: [node], description: "The items of the page.", ...pagePart("nodes") }),
      pageInfo: t.field({
        type: PageInfo,
        description: "Whether there are more items before or after the page.",
        complexity: FREE,
        resolve: (page) => page,
      }),
      totalCount: t.int({
        nullable: true,
        description: "The number of items in the whole list, counted only if selected. 25,001 means more than 25,000.",
        ...pagePart("totalCount"),
      }),
    }),
  });
}
