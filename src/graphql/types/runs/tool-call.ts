/** Tool calls, and the lists of them: over all threads, of a thread, and of a run. */
import {
  listToolCalls,
  listToolCallsOfRun,
  listToolCallsOfThread,
  type ToolCallFilter as ToolCallConditions,
  type ToolCallOrder as ToolCallOrderName,
  type ToolCallRow,
} from "../../../db/queries/admin/tool-calls.ts";
import { builder } from "../../builder.ts";
import type { AdminContext } from "../../context.ts";
import { openPage, type Page, type PageArguments } from "../../lists/page.ts";
import { pageArguments, ToolCallConnection } from "../connections.ts";
import { Preview, previewArguments } from "../conversations/preview.ts";
import { DateTimeRange, isDescending, OrderDirection, refuseNegative } from "../inputs.ts";
import { Chat, Run, StaffMember, Thread, ToolCall } from "../nodes.ts";
import { fromColumns, joined, list, loaded } from "../reading.ts";
import { durationMs } from "./duration.ts";
import { loadToolValue, loadToolValuePreview } from "./tool-values.ts";

const ToolCallStatus = builder.enumType("ToolCallStatus", {
  description: "The status of a tool call.",
  values: {
    PENDING: { value: "pending", description: "The model requested the call, but it has not started." },
    RUNNING: { value: "running", description: "The call is running." },
    SUCCEEDED: { value: "succeeded", description: "The call returned an output." },
    FAILED: { value: "failed", description: "The call failed. The model got the error as its output." },
  } satisfies Record<string, { value: ToolCallRow["status"]; description: string }>,
});

ToolCall.implement({
  description: "One call of a tool by the model, with its output.",
  fields: (t) => ({
    run: t.expose("runId", { type: Run, ...joined, description: "The run of the call." }),
    thread: t.expose("threadId", { type: Thread, ...joined, description: "The thread of the call." }),
    round: t.exposeInt("round", {
      description: "The number of the round in the run. The calls of one round run in parallel.",
    }),
    name: t.exposeString("name", { description: "The name of the tool." }),
    arguments: t.field({
      type: "JSON",
      description: "The arguments as the model wrote them. If they are not valid JSON, their text as a string.",
      ...loaded("arguments", (context, id) => loadToolValue(context, "arguments", id)),
    }),
    argumentsPreview: t.field({
      type: Preview,
      description: "The beginning of the arguments as JSON text.",
      args: previewArguments(500),
      resolve: async (row, { length }, context) => {
        const preview = await loadToolValuePreview(context, "arguments", row.id, length);
        return preview ?? { text: "", length: 0 };
      },
    }),
    output: t.field({
      type: "JSON",
      nullable: true,
      description: "The whole output that the model got, however large; null until the call ends.",
      ...loaded("output", (context, id) => loadToolValue(context, "output", id)),
    }),
    outputPreview: t.field({
      type: Preview,
      nullable: true,
      description: "The beginning of the output as JSON text; null until the call ends.",
      args: previewArguments(500),
      resolve: (row, { length }, context) => loadToolValuePreview(context, "output", row.id, length),
    }),
    error: t.exposeString("error", { nullable: true, description: "Why the call failed; null if it did not." }),
    status: t.expose("status", { type: ToolCallStatus, description: "The status of the call." }),
    startedAt: t.expose("startedAt", { type: "DateTime", nullable: true, description: "When the call started." }),
    completedAt: t.expose("completedAt", { type: "DateTime", nullable: true, description: "When the call ended." }),
    durationMs: fromColumns(t, "startedAt", "completedAt").int({
      nullable: true,
      description: "From start to end, in milliseconds; null until the call ends.",
      resolve: (row) => durationMs(row.startedAt, row.completedAt),
    }),
  }),
});

const ToolCallFilter = builder.inputType("ToolCallFilter", {
  description: "Filters tool calls. All given conditions must match.",
  fields: (t) => ({
    threadId: t.globalID({ for: Thread, description: "Tool calls of this thread." }),
    runId: t.globalID({ for: Run, description: "Tool calls of this run." }),
    name: t.string({ description: "Calls of the tool with exactly this name." }),
    status: t.field({
      type: [ToolCallStatus],
      description: "Tool calls with one of these statuses. An empty list matches nothing.",
    }),
    created: t.field({ type: DateTimeRange, description: "Tool calls that the model requested in this time range." }),
    error: t.string({ description: "Failed tool calls whose error contains this text (case-insensitive)." }),
    slowerThanMs: t.int({
      description: "Tool calls that took more than this many milliseconds from start to end; 0 or more.",
    }),
    staffMemberId: t.globalID({
      for: StaffMember,
      description: "Tool calls in runs for questions of this staff member.",
    }),
    chatId: t.globalID({ for: Chat, description: "Tool calls in this chat." }),
  }),
});

const ToolCallOrderField = builder.enumType("ToolCallOrderField", {
  description: "Fields by which tool calls can be ordered.",
  values: {
    CREATED_AT: {
      value: "createdAt",
      description: "By the time the model requested them; within a run by their exact order.",
    },
    DURATION: {
      value: "durationMs",
      description: "By duration from start to end. Calls that have not ended count as shortest.",
    },
  } satisfies Record<string, { value: ToolCallOrderName; description: string }>,
});

const ToolCallOrder = builder.inputType("ToolCallOrder", {
  description: "How to order tool calls.",
  fields: (t) => ({
    field: t.field({ type: ToolCallOrderField, required: true, description: "The field to order by." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Ascending or descending." }),
  }),
});

/** The arguments of every list of tool calls. */
export const toolCallArguments = builder.args((t) => ({
  ...pageArguments,
  filter: t.field({ type: ToolCallFilter, description: "Filters the list." }),
  orderBy: t.field({ type: ToolCallOrder, description: "Orders the list." }),
}));

type Arguments = PageArguments & {
  readonly filter?: typeof ToolCallFilter.$inferInput | null | undefined;
  readonly orderBy?: typeof ToolCallOrder.$inferInput | null | undefined;
};

/** The tool calls of a thread, newest first by default. */
export function openToolCallsOfThread(context: AdminContext, threadId: string, args: Arguments): Page<ToolCallRow> {
  const listing = listToolCallsOfThread(context.db, toConditions(args), orderOf(args), context.environment.sandbox);
  return openPage(context, { listing, parentId: threadId, descending: isDescending(args.orderBy), args });
}

/** The tool calls of a run, oldest first by default. */
export function openToolCallsOfRun(context: AdminContext, runId: string, args: Arguments): Page<ToolCallRow> {
  const listing = listToolCallsOfRun(context.db, toConditions(args), orderOf(args), context.environment.sandbox);
  return openPage(context, { listing, parentId: runId, descending: isDescending(args.orderBy, false), args });
}

builder.queryField("toolCalls", (t) =>
  t.field({
    type: ToolCallConnection,
    description: "The tool calls of all threads; newest first by default.",
    args: toolCallArguments,
    ...list(openToolCalls),
  }),
);

function openToolCalls(context: AdminContext, args: Arguments): Page<ToolCallRow> {
  const runId = args.filter?.runId?.id;
  if (runId === undefined) {
    const listing = listToolCalls(context.db, toConditions(args), orderOf(args), context.environment.sandbox);
    return openPage(context, { listing, descending: isDescending(args.orderBy), args });
  }
  const listing = listToolCallsOfRun(context.db, toConditions(args), orderOf(args), context.environment.sandbox);
  return openPage(context, { listing, parentId: runId, descending: isDescending(args.orderBy), args });
}

function orderOf({ orderBy }: Arguments): ToolCallOrderName {
  return orderBy?.field ?? "createdAt";
}

function toConditions({ filter }: Arguments): ToolCallConditions {
  refuseNegative("slowerThanMs", filter?.slowerThanMs);
  return {
    ...filter,
    threadId: filter?.threadId?.id,
    runId: filter?.runId?.id,
    staffMemberId: filter?.staffMemberId?.id,
    chatId: filter?.chatId?.id,
  };
}
