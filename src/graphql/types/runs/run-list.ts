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
  description: "Which runs; all conditions given must hold.",
  fields: (t) => ({
    threadId: t.globalID({ for: Thread, description: "Of this thread." }),
    status: t.field({ type: [RunStatus], description: "In one of these states." }),
    errorCode: t.string({ description: "Failed with exactly this code." }),
    model: t.string({ description: "Answered by exactly this model." }),
    queued: t.field({ type: DateTimeRange, description: "Queued in this time." }),
    promptVersion: t.string({
      description: "With a round that was asked in exactly these words, see `Run.promptVersion`.",
    }),
    costOver: t.field({
      type: "Decimal",
      description: "That cost more than this in US dollars, by a price that is known.",
    }),
    staffMemberId: t.globalID({ for: StaffMember, description: "Asked by this staff member." }),
    chatId: t.globalID({ for: Chat, description: "In this chat." }),
    slowerThanMs: t.int({
      description: "That took more than so many milliseconds from beginning to end; 0 or more.",
    }),
    firstTextLaterThanMs: t.int({
      description:
        "Whose first words came more than so many milliseconds after the question was stored; 0 or more. One without any is not among them.",
    }),
    delivery: t.field({ type: [DeliveryStatus], description: "Whose answer is so far delivered." }),
    usedTool: t.string({ description: "In which the tool with exactly this name was called." }),
  }),
});

const RunOrderField = builder.enumType("RunOrderField", {
  description: "By what runs can be ordered.",
  values: {
    QUEUED_AT: { value: "queuedAt", description: "When they were queued; within a thread the order of the questions." },
    DURATION: {
      value: "durationMs",
      description: "How long they took from beginning to end; those that have not ended count as shortest.",
    },
  } satisfies Record<string, { value: RunOrderName; description: string }>,
});

const RunOrder = builder.inputType("RunOrder", {
  description: "An order of runs.",
  fields: (t) => ({
    field: t.field({ type: RunOrderField, required: true, description: "By what." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Which end comes first." }),
  }),
});

/** The arguments of every list of runs. */
export const runArguments = builder.args((t) => ({
  ...pageArguments,
  filter: t.field({ type: RunFilter, description: "Which of them." }),
  orderBy: t.field({ type: RunOrder, description: "In which order." }),
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
    description: "The runs of all threads; the newest first unless ordered otherwise.",
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
