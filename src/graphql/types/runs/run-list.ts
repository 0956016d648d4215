/** The lists of runs: over all threads, and of one. */
import {
  listRuns,
  listRunsOfThread,
  type RunFilter as RunConditions,
  type RunOrder as RunOrderName,
  type RunRow,
} from "../../../db/queries/admin/runs.ts";
import { builder } from "../../builder.ts";
import type { AdminContext } from "../../context.ts";
import { openPage, type Page, type PageArguments } from "../../lists/page.ts";
import { pageArguments, RunConnection } from "../connections.ts";
import { parseCost } from "../decimal.ts";
import { DateTimeRange, isDescending, OrderDirection, refuseNegative } from "../inputs.ts";
import { Chat, StaffMember, Thread } from "../nodes.ts";
import { list } from "../reading.ts";
import { DeliveryStatus } from "./delivery.ts";
import { RunStatus } from "./run.ts";

const RunFilter = builder.inputType("RunFilter", {
  description: "Filters runs. All given conditions must match.",
  fields: (t) => ({
    threadId: t.globalID({ for: Thread, description: "Runs of this thread." }),
    status: t.field({
      type: [RunStatus],
      description: "Runs with one of these statuses. An empty list matches nothing.",
    }),
    errorCode: t.string({ description: "Runs that failed with exactly this code." }),
    model: t.string({ description: "Runs with exactly this model." }),
    queued: t.field({ type: DateTimeRange, description: "Runs queued in this time range." }),
    promptVersion: t.string({
      description: "Runs with a round of exactly this version: see `Run.promptVersion`.",
    }),
    costOver: t.field({
      type: "Decimal",
      description: "Runs that cost more than this, in US dollars. Runs without a known cost are excluded.",
    }),
    staffMemberId: t.globalID({ for: StaffMember, description: "Runs for questions of this staff member." }),
    chatId: t.globalID({ for: Chat, description: "Runs in this chat." }),
    slowerThanMs: t.int({
      description: "Runs that took more than this many milliseconds from start to end; 0 or more.",
    }),
    firstTextLaterThanMs: t.int({
      description:
        "Runs whose first text came more than this many milliseconds after the question was stored; 0 or more. Runs without text are excluded.",
    }),
    delivery: t.field({
      type: [DeliveryStatus],
      description: "Runs whose answer has one of these delivery statuses. An empty list matches nothing.",
    }),
    usedTool: t.string({ description: "Runs that called the tool with exactly this name." }),
  }),
});

const RunOrderField = builder.enumType("RunOrderField", {
  description: "Fields by which runs can be ordered.",
  values: {
    QUEUED_AT: {
      value: "queuedAt",
      description: "By the time they were queued; within a thread by the order of the questions.",
    },
    DURATION: {
      value: "durationMs",
      description: "By duration from start to end. Runs that have not ended count as shortest.",
    },
  } satisfies Record<string, { value: RunOrderName; description: string }>,
});

const RunOrder = builder.inputType("RunOrder", {
  description: "How to order runs.",
  fields: (t) => ({
    field: t.field({ type: RunOrderField, required: true, description: "The field to order by." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Ascending or descending." }),
  }),
});

/** The arguments of every list of runs. */
export const runArguments = builder.args((t) => ({
  ...pageArguments,
  filter: t.field({ type: RunFilter, description: "Filters the list." }),
  orderBy: t.field({ type: RunOrder, description: "Orders the list." }),
}));

type Arguments = PageArguments & {
  readonly filter?: typeof RunFilter.$inferInput | null | undefined;
  readonly orderBy?: typeof RunOrder.$inferInput | null | undefined;
};

/** The runs of a thread, newest first by default. */
export function openRunsOfThread(context: AdminContext, threadId: string, args: Arguments): Page<RunRow> {
  const listing = listRunsOfThread(context.db, toConditions(args), orderOf(args), context.environment.sandbox);
  return openPage(context, { listing, parentId: threadId, descending: isDescending(args.orderBy), args });
}

builder.queryField("runs", (t) =>
  t.field({
    type: RunConnection,
    description: "The runs of all threads; newest first by default.",
    args: runArguments,
    ...list(openRuns),
  }),
);

function openRuns(context: AdminContext, args: Arguments): Page<RunRow> {
  const threadId = args.filter?.threadId?.id;
  if (threadId !== undefined) return openRunsOfThread(context, threadId, args);
  const listing = listRuns(context.db, toConditions(args), orderOf(args), context.environment.sandbox);
  return openPage(context, { listing, descending: isDescending(args.orderBy), args });
}

function orderOf({ orderBy }: Arguments): RunOrderName {
  return orderBy?.field ?? "queuedAt";
}

function toConditions({ filter }: Arguments): RunConditions {
  refuseNegative("slowerThanMs", filter?.slowerThanMs);
  refuseNegative("firstTextLaterThanMs", filter?.firstTextLaterThanMs);
  return {
    ...filter,
    threadId: filter?.threadId?.id,
    staffMemberId: filter?.staffMemberId?.id,
    chatId: filter?.chatId?.id,
    costOver: parseCost(filter?.costOver, "costOver"),
  };
}
