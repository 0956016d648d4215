/** The rounds of a run: how the model was called, what it said, and what that cost. */
import {
  findRoundCalls,
  findRoundItems,
  findRounds,
  type RoundKey,
  type RoundRow,
} from "../../../db/queries/admin/rounds.ts";
import { costOf } from "../../../model-prices.ts";
import { builder } from "../../builder.ts";
import type { AdminContext } from "../../context.ts";
import { Run, ToolCall } from "../nodes.ts";
import { fromColumns } from "../reading.ts";
import { durationMs } from "./duration.ts";
import { toUsage, Usage } from "./run-tokens.ts";

const Round = builder.objectRef<RoundRow>("Round").implement({
  description:
    "One model call in a run, and the tool calls it requested. Older versions did not store how the model was called: the fields about this are null.",
  fields: (t) => ({
    number: t.exposeInt("round", { description: "The number of the round in its run, from 1." }),
    model: t.string({ nullable: true, description: "The name of the model.", resolve: (row) => row.facts?.model }),
    promptVersion: t.string({
      nullable: true,
      description:
        "The version of the prompt and the tool descriptions. It is the same for all shops, people and days, and differs if their wording differs.",
      resolve: (row) => row.facts?.promptVersion,
    }),
    settings: t.field({
      type: "JSON",
      nullable: true,
      description: "The parameters of the request besides its input, with the provider's names.",
      resolve: (row) => row.facts?.settings,
    }),
    usage: t.field({
      type: Usage,
      nullable: true,
      description: "The token counts; null if the server does not report them.",
      resolve: ({ facts }) => facts && toUsage(facts),
    }),
    cost: t.field({
      type: "Decimal",
      nullable: true,
      description:
        "The cost in US dollars, at the price of the round's own model. If the model changed within a run, its rounds do not add up to `Run.cost`. Null if the tokens were not counted or the price is unknown.",
      resolve: ({ facts, queuedAt }) => (facts && toUsage(facts) ? costOf(facts.model, facts, queuedAt) : null),
    }),
    items: t.field({
      type: "JSON",
      description:
        "The output items of the model, as it returned them: messages, tool calls, reasoning. Encrypted reasoning is left out. Empty if the response was interrupted.",
      resolve: (row, _, context) => loadItems(context, row),
    }),
    toolCalls: t.field({
      type: [ToolCall],
      description: "The tool calls that the model requested, in its order.",
      complexity: { field: 1, multiplier: EXPECTED_CALLS },
      resolve: (row, _, context) => loadCalls(context, row),
    }),
  }),
});

builder.objectFields(Round, (t) => ({
  startedAt: t.field({
    type: "DateTime",
    nullable: true,
    description: "When the request was sent.",
    resolve: (row) => row.facts?.startedAt,
  }),
  firstTokenAt: t.field({
    type: "DateTime",
    nullable: true,
    description: "When the first text arrived; null if the model only called tools.",
    resolve: (row) => row.facts?.firstTokenAt,
  }),
  completedAt: t.field({
    type: "DateTime",
    nullable: true,
    description: "When the response of the model was complete.",
    resolve: (row) => row.facts?.completedAt,
  }),
  durationMs: t.int({
    nullable: true,
    description: "From the request to the end of the response, in milliseconds, without the tool calls.",
    resolve: ({ facts }) => facts && durationMs(facts.startedAt, facts.completedAt),
  }),
}));

builder.objectFields(Run, (t) => ({
  cost: fromColumns(
    t,
    "model",
    "inputTokens",
    "cachedInputTokens",
    "outputTokens",
    "reasoningTokens",
    "queuedAt",
  ).field({
    type: "Decimal",
    nullable: true,
    description:
      "The cost in US dollars, at the model's price on the day of the question. Null until the tokens are counted, or if the price is unknown. If the model changed between rounds, all are priced like the last one. `Round.cost` has the cost of each round by its own model.",
    resolve: (run) => (run.model !== null && toUsage(run) ? costOf(run.model, run, run.queuedAt) : null),
  }),
  rounds: t.field({
    type: [Round],
    description: "The model calls of the run, in order. A round is listed once it has ended.",
    complexity: { field: 5, multiplier: EXPECTED_ROUNDS },
    resolve: (row, _, context) => loadRounds(context, row.id),
  }),
  promptVersion: t.string({
    nullable: true,
    description: "The version of the prompt and the tool descriptions in the latest round; null if unknown.",
    resolve: async (row, _, context) => (await loadLatestFacts(context, row.id))?.promptVersion,
  }),
  modelSettings: t.field({
    type: "JSON",
    nullable: true,
    description: "The parameters of the latest model call besides its input; null if unknown.",
    resolve: async (row, _, context) => (await loadLatestFacts(context, row.id))?.settings,
  }),
}));

/** How many rounds a run usually has, and how many tool calls a round, to estimate the cost of a query. */
const EXPECTED_ROUNDS = 3;
const EXPECTED_CALLS = 4;

/** The rounds of a run, in order. One statement reads those of all runs in the operation. */
function loadRounds(context: AdminContext, runId: string): Promise<RoundRow[]> {
  return context.load("rounds", runId, async (runIds) => {
    const byRun = Map.groupBy(await findRounds(context.db, runIds), (row) => row.runId);
    return runIds.map((id) => byRun.get(id) ?? []);
  });
}

/** The facts about the latest round that has any; null if none has. */
async function loadLatestFacts(context: AdminContext, runId: string): Promise<RoundRow["facts"]> {
  return (await loadRounds(context, runId)).findLast((row) => row.facts !== null)?.facts ?? null;
}

function loadItems(context: AdminContext, key: RoundKey): Promise<unknown> {
  return context.load("round items", nameOf(key), async (names) => {
    const rows = await findRoundItems(context.db, names.map(parseName));
    const byName = new Map(rows.map((row) => [nameOf(row), row.items]));
    return names.map((name) => byName.get(name) ?? []);
  });
}

/** Only ids: the calls are loaded by their ids, with the requested values only. */
function loadCalls(context: AdminContext, key: RoundKey): Promise<string[]> {
  return context.load("round calls", nameOf(key), async (names) => {
    const byName = Map.groupBy(await findRoundCalls(context.db, names.map(parseName)), nameOf);
    return names.map((name) => (byName.get(name) ?? []).map((row) => row.id));
  });
}

function nameOf({ runId, round }: RoundKey): string {
  return `${runId} ${round}`;
}

function parseName(name: string): RoundKey {
  const [runId = "", round] = name.split(" ");
  return { runId, round: Number(round) };
}
