/** A model whose calls are counted: how each ended, its tokens, its cost. The calls stay as they are. */
import type { RoundUsage } from "../../db/queries/runs/run-rounds.ts";
import { costOf } from "../../model-prices.ts";
import type { ModelMeter, ModelUse } from "../../observability/meter.ts";
import { resultOfFailure } from "./errors/error.ts";
import type { Model } from "./model.ts";

/** `model`, with each of its calls reported to `meter` at its end. */
export function createMeteredModel(model: Model, meter: ModelMeter): Model {
  return {
    ...model,
    async answer(request, options) {
      try {
        const answer = await model.answer(request, options);
        meter.modelCalled(model.name, answer.outcome.status, useOf(model.name, answer.usage));
        return answer;
      } catch (error) {
        meter.modelCalled(model.name, resultOfFailure(error, options.signal), null);
        throw error;
      }
    },
  };
}

function useOf(model: string, usage: RoundUsage | null): ModelUse | null {
  if (!usage) return null;
  // The counter uses the price on the day of the call. A run's own cost uses the price on the day of its question.
  const cost = costOf(model, usage, new Date());
  return { ...usage, costUsd: cost === null ? null : Number(cost) };
}
