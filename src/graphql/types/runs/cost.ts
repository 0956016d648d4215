/** The cost of runs, by the dated price table, and the table itself. */
import { type CostFigures, findThreadCosts } from "../../../db/queries/admin/costs.ts";
import { type ModelPrice, PRICES } from "../../../model-prices.ts";
import { builder } from "../../builder.ts";
import { type AdminContext, inOrderOf } from "../../context.ts";

export const Cost = builder.objectRef<CostFigures>("Cost").implement({
  description:
    "The total cost of several runs. Each run is priced by its last model, at the price of the day of the question (UTC).",
  fields: (t) => ({
    usd: t.expose("usd", {
      type: "Decimal",
      description: "US dollars, for the runs whose tokens and price are known.",
    }),
    unpricedRuns: t.exposeInt("unpricedRuns", {
      description:
        "Runs that used tokens, but whose token count or price is unknown. They are not free, and not included in `usd`.",
    }),
  }),
});

const ModelPriceType = builder.objectRef<ModelPrice>("ModelPrice").implement({
  description: "The price of a model's tokens from a day on, in US dollars per million tokens.",
  fields: (t) => ({
    model: t.exposeString("model", { description: "The exact name of the model." }),
    from: t.expose("from", {
      type: "Date",
      description: "The first day of the price (UTC). It is valid until the next price of the model.",
    }),
    inputUsd: t.expose("inputUsd", { type: "Decimal", description: "Per million input tokens." }),
    cachedInputUsd: t.expose("cachedInputUsd", {
      type: "Decimal",
      description: "Per million input tokens from the provider's cache.",
    }),
    outputUsd: t.expose("outputUsd", {
      type: "Decimal",
      description: "Per million output tokens, reasoning included.",
    }),
  }),
});

builder.queryField("prices", (t) =>
  t.field({
    type: [ModelPriceType],
    description: "The prices that costs are calculated with, by model and then by day, newest first.",
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
