/** The figures of a report: counts, tokens, costs, times. */
import type { RunFigures } from "../../../db/queries/admin/usage.ts";
import { builder } from "../../builder.ts";
import type { UsageFigures as Figures } from "../../usage/report.ts";
import { Cost } from "../runs/cost.ts";
import { Percentiles } from "./percentiles.ts";

builder.scalarType("Count", {
  description: "A whole number from 0 up to 9,007,199,254,740,991, as a JSON number: what `Int` is too small for.",
  serialize: (value) => value,
});

const RunCounts = builder.objectRef<RunFigures["counts"]>("RunCounts").implement({
  description: "Runs by how they ended.",
  fields: (t) => ({
    total: t.exposeInt("total", { description: "All of them." }),
    open: t.exposeInt("open", { description: "Those that have not ended." }),
    completed: t.exposeInt("completed", { description: "Ended with an answer." }),
    failed: t.exposeInt("failed", { description: "Ended with an error." }),
    cancelled: t.exposeInt("cancelled", { description: "Stopped by somebody." }),
    incomplete: t.exposeInt("incomplete", { description: "Cut short by a limit." }),
  }),
});

const TokenSums = builder.objectRef<RunFigures["tokens"]>("TokenSums").implement({
  description: "The tokens of many runs together.",
  fields: (t) => ({
    inputTokens: t.expose("input", { type: "Count", description: "Tokens that models read." }),
    cachedInputTokens: t.expose("cachedInput", {
      type: "Count",
      description: "Those of the read tokens that came from the provider's cache.",
    }),
    outputTokens: t.expose("output", { type: "Count", description: "Tokens that models wrote." }),
    reasoningTokens: t.expose("reasoning", {
      type: "Count",
      description: "Those of the written tokens that were reasoning.",
    }),
  }),
});

export const UsageFigures = builder.objectRef<Figures>("UsageFigures").implement({
  description: "What was asked, answered and spent. Each figure is read only when asked for.",
  fields: (t) => ({
    messages: t.int({
      description: "Messages of staff members and of the Assistant.",
      resolve: async (figures) => (await figures.messages()).messages,
    }),
    questions: t.int({
      description: "Those of staff members.",
      resolve: async (figures) => (await figures.messages()).questions,
    }),
    runs: t.field({
      type: RunCounts,
      description: "Runs by how they ended.",
      resolve: async (figures) => (await figures.runs()).counts,
    }),
    tokens: t.field({
      type: TokenSums,
      description: "The tokens of these runs, as far as they were counted.",
      resolve: async (figures) => (await figures.runs()).tokens,
    }),
    cost: t.field({
      type: Cost,
      description: "What these runs cost.",
      resolve: async (figures) => (await figures.runs()).cost,
    }),
    firstText: t.field({
      type: Percentiles,
      description: "From a question's storing to the model's first words.",
      resolve: async (figures) => (await figures.runs()).firstText,
    }),
    duration: t.field({
      type: Percentiles,
      description: "From a run's beginning to its end, whatever that was.",
      resolve: async (figures) => (await figures.runs()).duration,
    }),
    toolCalls: t.int({
      description: "Tool calls that models asked for.",
      resolve: async (figures) => (await figures.calls()).toolCalls,
    }),
    failedToolCalls: t.int({
      description: "Those that failed.",
      resolve: async (figures) => (await figures.calls()).failedToolCalls,
    }),
  }),
});
