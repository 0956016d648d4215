/** Runs, and the lists of them: over all threads, and of one. */
import { findAnswers, findQuestions } from "../../../db/queries/admin/messages.ts";
import {
  listRuns,
  listRunsOfThread,
  type RunFilter as RunConditions,
  type RunOrder as RunOrderName,
  type RunRow,
} from "../../../db/queries/admin/runs.ts";
import { RUN_STATES, RUN_STATUSES } from "../../../run-states.ts";
import { builder } from "../../builder.ts";
import { type AdminContext, inOrderOf } from "../../context.ts";
import { openPage, type Page, type PageArguments } from "../../lists/page.ts";
import { listCost, pageArguments, RunConnection, ToolCallConnection } from "../connections.ts";
import { parseCost } from "../decimal.ts";
import { DateTimeRange, isDescending, OrderDirection, refuseNegative } from "../inputs.ts";
import { Chat, Message, Run, StaffMember, Thread } from "../nodes.ts";
import { StaffRole } from "../people/staff-member.ts";
import { Delivery, DeliveryStatus, loadDelivery } from "./delivery.ts";
import { durationMs } from "./duration.ts";
import { costOfRun, loadLatestFacts, loadRounds, Round } from "./round.ts";
import { toUsage, Usage } from "./run-tokens.ts";
import { openToolCallsOfRun, toolCallArguments } from "./tool-call.ts";

const RunStatus = builder.enumType("RunStatus", {
  description: "How far a run has come.",
  values: Object.fromEntries(
    RUN_STATUSES.map((value) => [value.toUpperCase(), { value, description: RUN_STATES[value].description }]),
  ),
});

const RunError = builder.objectRef<{ code: string; message: string }>("RunError").implement({
  description: "Why a run failed.",
  fields: (t) => ({
    code: t.exposeString("code", { description: "A stable name, to filter by." }),
    message: t.exposeString("message", { description: "The same in words." }),
  }),
});

Run.implement({
  description: "One answer in the making, from the question in the queue to its end.",
  fields: (t) => ({
    thread: t.field({ type: Thread, description: "The conversation it belongs to.", resolve: (row) => row.threadId }),
    status: t.expose("status", { type: RunStatus, description: "How far it has come." }),
    asker: t.field({
      type: StaffMember,
      nullable: true,
      description: "Who asked; null in the terminal.",
      resolve: (row) => row.askerId,
    }),
    askerRole: t.expose("askerRole", {
      type: StaffRole,
      description: "The role that counted for it: in a group the lower of the asker's and the group's.",
    }),
    language: t.exposeString("language", { description: "The language of the bot's own words in it: `en` or `vi`." }),
    question: t.field({
      type: Message,
      nullable: true,
      description: "The message that it answers; null where there is none.",
      resolve: (row, _, context) => loadMessageOf(context, "question", row.id),
    }),
    retryOf: t.field({
      type: Run,
      nullable: true,
      description: "The failed run whose question it asks again; null unless it does.",
      resolve: (row) => row.retryOf,
    }),
    model: t.exposeString("model", { nullable: true, description: "The model; null until a worker has begun it." }),
    attempt: t.exposeInt("attempt", {
      description: "How often a worker has begun it: more than 1 where one died and another took over.",
    }),
    error: t.field({ type: RunError, nullable: true, description: "Why it failed.", resolve: toError }),
    usage: t.field({ type: Usage, nullable: true, description: "Its tokens; null until counted.", resolve: toUsage }),
    queuedAt: t.expose("queuedAt", { type: "DateTime", description: "When the question was stored." }),
    startedAt: t.expose("startedAt", {
      type: "DateTime",
      nullable: true,
      description: "When a worker first began it.",
    }),
    firstTokenAt: t.expose("firstTokenAt", {
      type: "DateTime",
      nullable: true,
      description: "When the model's first words came.",
    }),
    firstTextMs: t.int({
      nullable: true,
      description: "From the question's storing to the model's first words, in milliseconds; null until they came.",
      resolve: (row) => durationMs(row.queuedAt, row.firstTokenAt),
    }),
    stopRequestedAt: t.expose("stopRequestedAt", {
      type: "DateTime",
      nullable: true,
      description: "When somebody asked to stop it; null unless somebody did.",
    }),
    completedAt: t.expose("completedAt", { type: "DateTime", nullable: true, description: "When it ended." }),
    durationMs: t.int({
      nullable: true,
      description: "From its beginning to its end, in milliseconds; null until it has ended.",
      resolve: (row) => durationMs(row.startedAt, row.completedAt),
    }),
    message: t.field({
      type: Message,
      nullable: true,
      description: "What the Assistant answered; null until it is stored.",
      resolve: (row, _, context) => loadMessageOf(context, "answer", row.id),
    }),
    delivery: t.field({
      type: Delivery,
      description: "Whether the person saw the answer.",
      resolve: (row, _, context) => loadDelivery(context, row.id),
    }),
    toolCalls: t.field({
      type: ToolCallConnection,
      description: "Its tool calls, in the order in which they happened unless ordered otherwise.",
      args: toolCallArguments,
      complexity: listCost,
      resolve: (row, args, context) => openToolCallsOfRun(context, row.id, args),
    }),
    cost: t.field({
      type: "Decimal",
      nullable: true,
      description:
        "US dollars, by its model's price on the day of the question; null until its tokens are counted, and where the price is not known. If the model was changed between its rounds, all count by the last one's price: see `Round.cost` for each by its own.",
      resolve: costOfRun,
    }),
    rounds: t.field({
      type: [Round],
      description: "Its calls of the model, in their order; a round is there when it has ended.",
      complexity: { field: 5, multiplier: USUAL_ROUNDS },
      resolve: (row, _, context) => loadRounds(context, row.id),
    }),
    promptVersion: t.string({
      nullable: true,
      description: "Of its latest round: names the words of the prompt and of the tools; null where not known.",
      resolve: async (row, _, context) => (await loadLatestFacts(context, row.id))?.promptVersion,
    }),
    modelSettings: t.field({
      type: "JSON",
      nullable: true,
      description: "Of its latest round: what the model was asked with beside its input; null where not known.",
      resolve: async (row, _, context) => (await loadLatestFacts(context, row.id))?.settings,
    }),
  }),
});

/** For the estimate of a query's cost. */
const USUAL_ROUNDS = 3;

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

/** The runs of a thread, newest first unless ordered otherwise. */
export function openRunsOfThread(context: AdminContext, threadId: string, args: Arguments): Page<RunRow> {
  const listing = listRunsOfThread(context.db, toConditions(args), orderOf(args), context.environment.sandbox);
  return openPage(context, { listing, parentId: threadId, descending: isDescending(args.orderBy), args });
}

builder.queryField("runs", (t) =>
  t.field({
    type: RunConnection,
    description: "The runs of all threads; the newest first unless ordered otherwise.",
    args: runArguments,
    complexity: listCost,
    resolve: (_, args, context) => openRuns(context, args),
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

function toError({ errorCode, errorMessage }: RunRow) {
  return errorCode === null ? null : { code: errorCode, message: errorMessage ?? errorCode };
}

function loadMessageOf(context: AdminContext, what: "question" | "answer", runId: string) {
  const find = what === "question" ? findQuestions : findAnswers;
  return context.load(what, runId, async (runIds) =>
    inOrderOf(runIds, await find(context.db, runIds), (row) => row.runId ?? "", null),
  );
}
