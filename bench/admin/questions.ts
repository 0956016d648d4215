/**
 * The four questions, each in both GraphQL schemas, and their variables.
 *
 * The peer's fields have our names as aliases, so that both answers have nearly the same shape (`normalize.ts` does the rest).
 * Of the peer's ids the cheapest is selected, the row id.
 */
import { encodeGlobalId } from "../../src/graphql/lists/ids.ts";
import type { Dialect } from "./subject.ts";

export type QuestionName = "threads" | "thread" | "toolCalls" | "deepToolCalls";

export interface Question {
  readonly name: QuestionName;
  /** The title in tables. */
  readonly title: string;
  readonly queries: Readonly<Record<Dialect, string>>;
}

/** The variables for each schema. */
export type Variables = Readonly<Record<Dialect, object>>;

const THREADS: Question = {
  name: "threads",
  title: "the newest 50 threads with last message and message count",
  queries: {
    ours: `query Threads($until: DateTime!) {
      threads(first: 50, filter: { lastActivity: { until: $until } }) {
        nodes {
          id title status createdAt lastActivityAt messageCount
          chat { id type title }
          lastMessage { id role text createdAt }
        }
        pageInfo { hasNextPage endCursor }
      }
    }`,
    peer: `query Threads($until: Datetime!) {
      threads: allThreads(first: 50, condition: { lastActivityUntil: $until }, orderBy: [LAST_ACTIVITY_AT_DESC, ROW_ID_DESC]) {
        nodes {
          id: rowId title status createdAt lastActivityAt
          messageCount: messagesByThreadId { totalCount }
          chat: chatByChatId { id: rowId type title }
          lastMessage: messagesByThreadId(first: 1, orderBy: POSITION_DESC) { nodes { id: rowId role text createdAt } }
        }
        pageInfo { hasNextPage endCursor }
      }
    }`,
  },
};

const THREAD: Question = {
  name: "thread",
  title: "one thread's first 100 messages with runs and tool calls",
  queries: {
    ours: `query Thread($id: ID!) {
      thread(id: $id) {
        id title status createdAt
        messages(first: 100) {
          nodes {
            id role text createdAt
            run {
              id status model queuedAt firstTokenAt completedAt durationMs usage { inputTokens outputTokens }
              toolCalls(first: 20) {
                nodes { id name status arguments output error startedAt completedAt durationMs }
              }
            }
          }
          pageInfo { hasNextPage endCursor }
        }
      }
    }`,
    peer: `query Thread($id: UUID!) {
      thread: threadByRowId(rowId: $id) {
        id: rowId title status createdAt
        messages: messagesByThreadId(first: 100, orderBy: POSITION_ASC) {
          nodes {
            id: rowId role text createdAt
            run: runByRunIdAndThreadId {
              id: rowId status model queuedAt firstTokenAt completedAt durationMs inputTokens outputTokens
              toolCalls: toolCallsByRunIdAndThreadId(first: 20, orderBy: [ROUND_ASC, POSITION_ASC]) {
                nodes { id: rowId name status arguments output error startedAt completedAt durationMs }
              }
            }
          }
          pageInfo { hasNextPage endCursor }
        }
      }
    }`,
  },
};

const CALL_FIELDS = "name status round arguments error startedAt completedAt durationMs";

/** A log page selects no outputs: those are read one by one, in the thread. */
export const TOOL_CALL_NODES: Readonly<Record<Dialect, string>> = {
  ours: `nodes { id ${CALL_FIELDS} run { id status model } thread { id title } } pageInfo { hasNextPage endCursor }`,
  peer: `nodes {
      id: rowId ${CALL_FIELDS}
      run: runByRunIdAndThreadId { id: rowId status model thread: threadByThreadId { id: rowId title } }
    }
    pageInfo { hasNextPage endCursor }`,
};

const TOOL_CALLS: Question = {
  name: "toolCalls",
  title: "the tool-call log by tool, status and time, 50 a page",
  queries: {
    ours: `query ToolCalls($name: String!, $status: ToolCallStatus!, $from: DateTime!, $until: DateTime!) {
      toolCalls(first: 50, filter: { name: $name, status: [$status], created: { from: $from, until: $until } }) {
        ${TOOL_CALL_NODES.ours}
      }
    }`,
    peer: `query ToolCalls($name: String!, $status: ToolCallStatusEnum!, $from: Datetime!, $until: Datetime!) {
      toolCalls: allToolCalls(
        first: 50
        condition: { name: $name, status: $status, createdFrom: $from, createdUntil: $until }
        orderBy: [CREATED_AT_DESC, ROW_ID_DESC]
      ) {
        ${TOOL_CALL_NODES.peer}
      }
    }`,
  },
};

const DEEP_TOOL_CALLS: Question = {
  name: "deepToolCalls",
  title: "the same log, 20,000 to 80,000 rows deep",
  queries: {
    ours: `query DeepToolCalls($name: String!, $status: ToolCallStatus!, $after: String!) {
      toolCalls(first: 50, after: $after, filter: { name: $name, status: [$status] }) {
        ${TOOL_CALL_NODES.ours}
      }
    }`,
    peer: `query DeepToolCalls($name: String!, $status: ToolCallStatusEnum!, $after: Cursor!) {
      toolCalls: allToolCalls(
        first: 50
        after: $after
        condition: { name: $name, status: $status }
        orderBy: [CREATED_AT_DESC, ROW_ID_DESC]
      ) {
        ${TOOL_CALL_NODES.peer}
      }
    }`,
  },
};

export const QUESTIONS: readonly Question[] = [THREADS, THREAD, TOOL_CALLS, DEEP_TOOL_CALLS];

/** Walks through the log with 100 rows per page, without the rows, to reach a deep cursor. */
export const WALK: Readonly<Record<Dialect, string>> = {
  ours: `query Walk($name: String!, $status: ToolCallStatus!, $after: String) {
    list: toolCalls(first: 100, after: $after, filter: { name: $name, status: [$status] }) { pageInfo { hasNextPage endCursor } }
  }`,
  peer: `query Walk($name: String!, $status: ToolCallStatusEnum!, $after: Cursor) {
    list: allToolCalls(
      first: 100, after: $after, condition: { name: $name, status: $status }, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]
    ) { pageInfo { hasNextPage endCursor } }
  }`,
};

export function threadVariables(id: string): Variables {
  return { ours: { id: encodeGlobalId("Thread", id) }, peer: { id } };
}

/** The peer's enums are spelled as in the database. */
export function callVariables(filter: { name: string; status: "SUCCEEDED" | "FAILED" }): Variables {
  return { ours: filter, peer: { ...filter, status: filter.status.toLowerCase() } };
}
