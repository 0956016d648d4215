/** The queries for pages of the four long lists, in our schema, for the parts "depth" and "growth". */
import { TOOL_CALL_NODES } from "./questions.ts";

export type ListName = "threads" | "messages" | "runs" | "toolCalls";

const NODES: Readonly<Record<ListName, string>> = {
  threads: `nodes { id title status lastActivityAt messageCount lastMessage { id role text createdAt } }
    pageInfo { hasNextPage endCursor }`,
  messages: "nodes { id role text createdAt thread { id title } } pageInfo { hasNextPage endCursor }",
  runs: "nodes { id status model queuedAt durationMs thread { id title } } pageInfo { hasNextPage endCursor }",
  toolCalls: TOOL_CALL_NODES.ours,
};

export const LISTS = Object.keys(NODES) as readonly ListName[];

export const PAGE_SIZE = 50;

/** One page of a list; takes `$after`. `extraArguments` may set another order, for example. */
export function pageQuery(list: ListName, extraArguments = ""): string {
  return `query Page($after: String) { ${list}(first: ${PAGE_SIZE}, after: $after, ${extraArguments}) { ${NODES[list]} } }`;
}

/** The same page without its rows, for walking through the list. */
export function walkQuery(list: ListName): string {
  return `query Walk($after: String) {
    list: ${list}(first: ${PAGE_SIZE}, after: $after) { pageInfo { hasNextPage endCursor } }
  }`;
}
