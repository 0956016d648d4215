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
  description: "How far a tool call has come.",
  values: {
    PENDING: { value: "pending", description: "The model asked for it; it has not begun." },
    RUNNING: { value: "running", description: "It is being done." },
    SUCCEEDED: { value: "succeeded", description: "It gave an output." },
    FAILED: { value: "failed", description: "It gave an error, which the model was told as its output." },
  } satisfies Record<string, { value: ToolCallRow["status"]; description: string }>,
});

ToolCall.implement({
  description: "One call of a tool that the model asked for, with what it gave.",
  fields: (t) => ({
    run: t.expose("runId", { type: Run, ...joined, description: "The run that it belongs to." }),
    thread: t.expose("threadId", { type: Thread, ...joined, description: "The conversation it belongs to." }),
    round: t.exposeInt("round", {
      description: "In which round of its run; the calls of one round are done side by side.",
    }),
    name: t.exposeString("name", { description: "The tool's name." }),
    arguments: t.field({
      type: "JSON",
      description: "The arguments as the model wrote them; their raw text, as a string, where that is no JSON.",
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
      description: "What the model was given, whole, however large; null until the call has ended.",
      ...loaded("output", (context, id) => loadToolValue(context, "output", id)),
    }),
    outputPreview: t.field({
      type: Preview,
      nullable: true,
      description: "The beginning of the output as JSON text; null until the call has ended.",
      args: previewArguments(500),
      resolve: (row, { length }, context) => loadToolValuePreview(context, "output", row.id, length),
    }),
    error: t.exposeString("error", { nullable: true, description: "Why it failed; null unless it did." }),
    status: t.expose("status", { type: ToolCallStatus, description: "How far it has come." }),
    startedAt: t.expose("startedAt", { type: "DateTime", nullable: true, description: "When it began." }),
    completedAt: t.expose("completedAt", { type: "DateTime", nullable: true, description: "When it ended." }),
    durationMs: fromColumns(t, "startedAt", "completedAt").int({
      nullable: true,
      description: "From its beginning to its end, in milliseconds; null until it has ended.",
      resolve: (row) => durationMs(row.startedAt, row.completedAt),
    }),
  }),
});

const ToolCallFilter = builder.inputType("ToolCallFilter", {
  description: "Which tool calls; all conditions given must hold.",
  fields: (t) => ({
    threadId: t.globalID({ for: Thread, description: "Of this thread." }),
    runId: t.globalID({ for: Run, description: "Of this run." }),
    name: t.string({ description: "Of the tool with exactly this name." }),
    status: t.field({ type: [ToolCallStatus], description: "In one of these states." }),
    created: t.field({ type: DateTimeRange, description: "Asked for by the model in this time." }),
    error: t.string({ description: "Failed with these letters in the error, whatever their case." }),
    slowerThanMs: t.int({
      description: "That took more than so many milliseconds from beginning to end; 0 or more.",
    }),
    staffMemberId: t.globalID({ for: StaffMember, description: "In a run that this staff member asked for." }),
    chatId: t.globalID({ for: Chat, description: "In this chat." }),
  }),
});

const ToolCallOrderField = builder.enumType("ToolCallOrderField", {
  description: "By what tool calls can be ordered.",
  values: {
    CREATED_AT: {
      value: "createdAt",
      description: "When the model asked for them; within a run their exact order there.",
    },
    DURATION: {
      value: "durationMs",
      description: "How long they took from beginning to end; those that have not ended count as shortest.",
    },
  } satisfies Record<string, { value: ToolCallOrderName; description: string }>,
});

const ToolCallOrder = builder.inputType("ToolCallOrder", {
  description: "An order of tool calls.",
  fields: (t) => ({
    field: t.field({ type: ToolCallOrderField, required: true, description: "By what." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Which end comes first." }),
  }),
});

/** The arguments of every list of tool calls. */
export const toolCallArguments = builder.args((t) => ({
  ...pageArguments,
  filter: t.field({ type: ToolCallFilter, description: "Which of them." }),
  orderBy: t.field({ type: ToolCallOrder, description: "In which order." }),
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
    description: "The log of tool calls over all threads; the newest first unless ordered otherwise.",
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
