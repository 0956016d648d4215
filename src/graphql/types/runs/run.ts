/** Runs. Their times, rounds and delivery, and the lists of runs, are in files of their own. */
import { answerOfRun, questionOfRun } from "../../../db/queries/admin/messages.ts";
import type { RunRow } from "../../../db/queries/admin/runs.ts";
import type { InputCut } from "../../../db/queries/runs/run-steps.ts";
import { RUN_STATES, RUN_STATUSES } from "../../../run-states.ts";
import { builder } from "../../builder.ts";
import { ToolCallConnection } from "../connections.ts";
import { Message, Run, StaffMember, Thread } from "../nodes.ts";
import { StaffRole } from "../people/staff-member.ts";
import { fromColumns, joined, lastOf, listOfRow } from "../reading.ts";
import { toUsage, Usage } from "./run-tokens.ts";
import { openToolCallsOfRun, toolCallArguments } from "./tool-call.ts";

export const RunStatus = builder.enumType("RunStatus", {
  description: "The status of a run.",
  values: Object.fromEntries(
    RUN_STATUSES.map((value) => [value.toUpperCase(), { value, description: RUN_STATES[value].description }]),
  ),
});

const RunInputCut = builder.enumType("RunInputCut", {
  description: "What of a thread the model did not get.",
  values: {
    NONE: { value: "none", description: "It got everything." },
    OLDER_RUNS: { value: "older_runs", description: "The older runs of the thread were left out." },
    QUESTION_ONLY: {
      value: "question_only",
      description: "The model got the question alone: its window holds no earlier run.",
    },
    BY_SERVER: {
      value: "by_server",
      description: "The model's server read only a part of what it was sent, and did not say so.",
    },
  } satisfies Record<string, { value: InputCut; description: string }>,
});

const RunError = builder.objectRef<{ code: string; message: string }>("RunError").implement({
  description: "Why a run failed.",
  fields: (t) => ({
    code: t.exposeString("code", { description: "A stable code, to filter by." }),
    message: t.exposeString("message", { description: "The error as text." }),
  }),
});

Run.implement({
  description: "One answer, from the queued question to its end.",
  fields: (t) => ({
    thread: t.expose("threadId", { type: Thread, ...joined, description: "The thread of the run." }),
    status: t.expose("status", { type: RunStatus, description: "The status of the run." }),
    asker: t.expose("askerId", {
      type: StaffMember,
      ...joined,
      nullable: true,
      description: "Who asked; null in a terminal.",
    }),
    askerRole: t.expose("askerRole", {
      type: StaffRole,
      description: "The role that applies to the run. In a group, the lower of the asker's role and the group's.",
    }),
    language: t.exposeString("language", { description: "The language of the bot's own texts: `en` or `vi`." }),
    question: t.field({
      type: Message,
      nullable: true,
      description: "The message that the run answers, the first one of a question in several; null if there is none.",
      ...lastOf(questionOfRun),
    }),
    retryOf: t.expose("retryOf", {
      type: Run,
      ...joined,
      nullable: true,
      description: "The failed run that this run repeats; null if it is no retry.",
    }),
    model: t.exposeString("model", { nullable: true, description: "The model; null until a worker starts the run." }),
    attempt: t.exposeInt("attempt", {
      description: "How often a worker has started the run: more than 1 if a worker died and another one took over.",
    }),
    error: fromColumns(t, "errorCode", "errorMessage").field({
      type: RunError,
      nullable: true,
      description: "Why the run failed.",
      resolve: toError,
    }),
    inputCut: t.expose("inputCut", {
      type: RunInputCut,
      description: "What of the thread the model did not get, because its window is too small.",
    }),
    usage: fromColumns(t, "inputTokens", "cachedInputTokens", "outputTokens", "reasoningTokens").field({
      type: Usage,
      nullable: true,
      description: "The token counts; null until they are known.",
      resolve: toUsage,
    }),
    message: t.field({
      type: Message,
      nullable: true,
      description: "The answer of the Assistant; null until it is stored.",
      ...lastOf(answerOfRun),
    }),
    toolCalls: t.field({
      type: ToolCallConnection,
      description: "The tool calls of the run; in their exact order by default.",
      args: toolCallArguments,
      ...listOfRow(openToolCallsOfRun),
    }),
  }),
});

function toError({ errorCode, errorMessage }: Pick<RunRow, "errorCode" | "errorMessage">) {
  return errorCode === null ? null : { code: errorCode, message: errorMessage ?? errorCode };
}
