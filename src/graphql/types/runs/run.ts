/** Runs. Their times, rounds and delivery, and the lists of runs, are in files of their own. */
import { messagesOfRun } from "../../../db/queries/admin/messages.ts";
import type { RunRow } from "../../../db/queries/admin/runs.ts";
import { RUN_STATES, RUN_STATUSES } from "../../../run-states.ts";
import { builder } from "../../builder.ts";
import { ToolCallConnection } from "../connections.ts";
import { Message, Run, StaffMember, Thread } from "../nodes.ts";
import { StaffRole } from "../people/staff-member.ts";
import { fromColumns, joined, lastOf, listOfRow } from "../reading.ts";
import { toUsage, Usage } from "./run-tokens.ts";
import { openToolCallsOfRun, toolCallArguments } from "./tool-call.ts";

export const RunStatus = builder.enumType("RunStatus", {
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
    thread: t.expose("threadId", { type: Thread, ...joined, description: "The conversation it belongs to." }),
    status: t.expose("status", { type: RunStatus, description: "How far it has come." }),
    asker: t.expose("askerId", {
      type: StaffMember,
      ...joined,
      nullable: true,
      description: "Who asked; null in the terminal.",
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
      ...lastOf(() => messagesOfRun("user")),
    }),
    retryOf: t.expose("retryOf", {
      type: Run,
      ...joined,
      nullable: true,
      description: "The failed run whose question it asks again; null unless it does.",
    }),
    model: t.exposeString("model", { nullable: true, description: "The model; null until a worker has begun it." }),
    attempt: t.exposeInt("attempt", {
      description: "How often a worker has begun it: more than 1 where one died and another took over.",
    }),
    error: fromColumns(t, "errorCode", "errorMessage").field({
      type: RunError,
      nullable: true,
      description: "Why it failed.",
      resolve: toError,
    }),
    usage: fromColumns(t, "inputTokens", "cachedInputTokens", "outputTokens", "reasoningTokens").field({
      type: Usage,
      nullable: true,
      description: "Its tokens; null until counted.",
      resolve: toUsage,
    }),
    message: t.field({
      type: Message,
      nullable: true,
      description: "What the Assistant answered; null until it is stored.",
      ...lastOf(() => messagesOfRun("assistant")),
    }),
    toolCalls: t.field({
      type: ToolCallConnection,
      description: "Its tool calls, in the order in which they happened unless ordered otherwise.",
      args: toolCallArguments,
      ...listOfRow(openToolCallsOfRun),
    }),
  }),
});

function toError({ errorCode, errorMessage }: Pick<RunRow, "errorCode" | "errorMessage">) {
  return errorCode === null ? null : { code: errorCode, message: errorMessage ?? errorCode };
}
