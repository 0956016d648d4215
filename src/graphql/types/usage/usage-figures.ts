/** The figures of a report: counts, tokens, costs, times. */
import type { RunFigures } from "../../../db/queries/admin/usage.ts";
import { builder } from "../../builder.ts";
import type { UsageFigures as Figures } from "../../usage/report.ts";
import { Cost } from "../runs/cost.ts";
import { Percentiles } from "./percentiles.ts";

builder.scalarType("Count", {
  description:
    "A whole number from 0 to 9,007,199,254,740,991 as a JSON number, for values that do not fit into an `Int`.",
  serialize: (value) => value,
});

const RunCounts = builder.objectRef<RunFigures["counts"]>("RunCounts").implement({
  description: "The number of runs by outcome.",
  fields: (t) => ({
    total: t.exposeInt("total", { description: "All runs." }),
    open: t.exposeInt("open", { description: "Runs that have not ended." }),
    completed: t.exposeInt("completed", { description: "Runs that ended with an answer." }),
    failed: t.exposeInt("failed", { description: "Runs that ended with an error." }),
    cancelled: t.exposeInt("cancelled", { description: "Runs that somebody stopped." }),
    incomplete: t.exposeInt("incomplete", { description: "Runs whose answer was cut short by a limit." }),
  }),
});

const TokenSums = builder.objectRef<RunFigures["tokens"]>("TokenSums").implement({
  description: "The total token counts of several runs.",
  fields: (t) => ({
    inputTokens: t.expose("input", { type: "Count", description: "Input tokens, cached ones included." }),
    cachedInputTokens: t.expose("cachedInput", {
      type: "Count",
      description: "Input tokens from the provider's cache.",
    }),
    outputTokens: t.expose("output", { type: "Count", description: "Output tokens, reasoning included." }),
    reasoningTokens: t.expose("reasoning", {
      type: "Count",
      description: "Output tokens for reasoning.",
    }),
  }),
});

export const UsageFigures = builder.objectRef<Figures>("UsageFigures").implement({
  description: "Usage figures. Each figure is read only if it is selected.",
  fields: (t) => ({
    messages: t.int({
      description: "The number of messages, of staff members and of the Assistant.",
      resolve: async (figures) => (await figures.messages()).messages,
    }),
    questions: t.int({
      description: "The number of messages of staff members.",
      resolve: async (figures) => (await figures.messages()).questions,
    }),
    runs: t.field({
      type: RunCounts,
      description: "The number of runs by outcome.",
      resolve: async (figures) => (await figures.runs()).counts,
    }),
    tokens: t.field({
      type: TokenSums,
      description: "The token counts of the runs, as far as they are known.",
      resolve: async (figures) => (await figures.runs()).tokens,
    }),
    cost: t.field({
      type: Cost,
      description: "The total cost of the runs.",
      resolve: async (figures) => (await figures.runs()).cost,
    }),
    firstText: t.field({
      type: Percentiles,
      description: "The times from storing a question to the first text of the model.",
      resolve: async (figures) => (await figures.runs()).firstText,
    }),
    duration: t.field({
      type: Percentiles,
      description: "The durations of the runs from start to end, whatever their outcome.",
      resolve: async (figures) => (await figures.runs()).duration,
    }),
    toolCalls: t.int({
      description: "The number of tool calls.",
      resolve: async (figures) => (await figures.calls()).toolCalls,
    }),
    failedToolCalls: t.int({
      description: "The number of tool calls that failed.",
      resolve: async (figures) => (await figures.calls()).failedToolCalls,
    }),
  }),
});
