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
    "One call of the model within a run, and the tool calls that it asked for. How it was asked was not always noted: of an old run those fields are null.",
  fields: (t) => ({
    number: t.exposeInt("round", { description: "Its place in the run, from 1." }),
    model: t.string({ nullable: true, description: "The model that was asked.", resolve: (row) => row.facts?.model }),
    promptVersion: t.string({
      nullable: true,
      description:
        "Names the words of the prompt and of the tools' descriptions. The same for every shop, person and day; other words have another.",
      resolve: (row) => row.facts?.promptVersion,
    }),
    settings: t.field({
      type: "JSON",
      nullable: true,
      description: "What the model was asked with beside its input, by the provider's own names.",
      resolve: (row) => row.facts?.settings,
    }),
    usage: t.field({
      type: Usage,
      nullable: true,
      description: "Its tokens; null from a server that does not count.",
      resolve: ({ facts }) => facts && toUsage(facts),
    }),
    cost: t.field({
      type: "Decimal",
      nullable: true,
      description:
        "US dollars, by the price of its own model: where that was changed within a run, the rounds do not add up to `Run.cost`. Null where the tokens were not counted, or where the price is not known.",
      resolve: ({ facts, queuedAt }) => (facts && toUsage(facts) ? costOf(facts.model, facts, queuedAt) : null),
    }),
    items: t.field({
      type: "JSON",
      description:
        "What the model said, a list of items as it gave them: messages, calls, reasoning. What it encrypted of its reasoning is left out. Empty where it was cut short.",
      resolve: (row, _, context) => loadItems(context, row),
    }),
    toolCalls: t.field({
      type: [ToolCall],
      description: "The tool calls that it asked for, in its order.",
      complexity: { field: 1, multiplier: EXPECTED_CALLS },
      resolve: (row, _, context) => loadCalls(context, row),
    }),
  }),
});

builder.objectFields(Round, (t) => ({
  startedAt: t.field({
    type: "DateTime",
    nullable: true,
    description: "When the model was asked.",
    resolve: (row) => row.facts?.startedAt,
  }),
  firstTokenAt: t.field({
    type: "DateTime",
    nullable: true,
    description: "When its first words came; null where it only called tools.",
    resolve: (row) => row.facts?.firstTokenAt,
  }),
  completedAt: t.field({
    type: "DateTime",
    nullable: true,
    description: "When it had said all.",
    resolve: (row) => row.facts?.completedAt,
  }),
  durationMs: t.int({
    nullable: true,
    description: "From the question to the last word, in milliseconds, without the tool calls.",
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
      "US dollars, by its model's price on the day of the question; null until its tokens are counted, and where the price is not known. If the model was changed between its rounds, all count by the last one's price: see `Round.cost` for each by its own.",
    resolve: (run) => (run.model !== null && toUsage(run) ? costOf(run.model, run, run.queuedAt) : null),
  }),
  rounds: t.field({
    type: [Round],
    description: "Its calls of the model, in their order; a round is there when it has ended.",
    complexity: { field: 5, multiplier: EXPECTED_ROUNDS },
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
