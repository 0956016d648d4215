/** The cost of runs, by the dated price table, and the table itself. */
import { type CostFigures, findThreadCosts } from "../../../db/queries/admin/costs.ts";
import { type ModelPrice, PRICES } from "../../../model-prices.ts";
import { builder } from "../../builder.ts";
import { type AdminContext, inOrderOf } from "../../context.ts";

export const Cost = builder.objectRef<CostFigures>("Cost").implement({
  description:
    "What runs cost together. Each run costs by the price that its model, the one that was asked last, had on the day of the question, by UTC.",
  fields: (t) => ({
    usd: t.expose("usd", { type: "Decimal", description: "US dollars, of the runs whose tokens and price are known." }),
    unpricedRuns: t.exposeInt("unpricedRuns", {
      description: "Runs that used tokens whose number or price is not known: they are not in `usd`, and not free.",
    }),
  }),
});

const ModelPriceType = builder.objectRef<ModelPrice>("ModelPrice").implement({
  description: "What the tokens of a model cost from a day on, in US dollars for a million of them.",
  fields: (t) => ({
    model: t.exposeString("model", { description: "The model's exact name." }),
    from: t.expose("from", {
      type: "Date",
      description: "The first day that the price holds, by UTC: until the model's next one.",
    }),
    inputUsd: t.expose("inputUsd", { type: "Decimal", description: "For a million tokens that it reads." }),
    cachedInputUsd: t.expose("cachedInputUsd", {
      type: "Decimal",
      description: "For a million of them that the provider had in its cache.",
    }),
    outputUsd: t.expose("outputUsd", {
      type: "Decimal",
      description: "For a million tokens that it writes, its reasoning included.",
    }),
  }),
});

builder.queryField("prices", (t) =>
  t.field({
    type: [ModelPriceType],
    description: "The prices that costs are counted with, by model and then by day, the newest first.",
    resolve: () =>
      PRICES.toSorted((one, other) => one.model.localeCompare(other.model) || (one.from < other.from ? 1 : -1)),
  }),
);

/** What the runs of a thread cost. One statement reads this for all threads in the operation. */
export function loadThreadCost(context: AdminContext, threadId: string): Promise<CostFigures> {
  return context.load("threadCost", threadId, async (threadIds) => {
    const costs = await findThreadCosts(context.db, threadIds);
    return inOrderOf(threadIds, costs, (row) => row.threadId, null).map((row) => row ?? FREE);
  });
}

const FREE: CostFigures = { usd: "0", unpricedRuns: 0 };
