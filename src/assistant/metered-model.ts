/** A model whose calls are counted: how each ended, what it used, what that cost. It changes nothing of them. */
import type { RoundUsage } from "../db/queries/run-steps.ts";
import { AppError } from "../errors.ts";
import type { ModelMeter, ModelUse } from "../meter.ts";
import type { Model } from "./model.ts";
import { costOf } from "./prices.ts";

/** `model`, and each of its calls told to `meter` when it has ended. */
export function createMeteredModel(model: Model, meter: ModelMeter): Model {
  return {
    name: model.name,
    async answer(request, options) {
      try {
        const answer = await model.answer(request, options);
        meter.modelCalled(model.name, answer.outcome.status, useOf(model.name, answer.usage));
        return answer;
      } catch (error) {
        meter.modelCalled(model.name, resultOf(error, options.signal), null);
        throw error;
      }
    },
  };
}

function useOf(model: string, usage: RoundUsage | null): ModelUse | null {
  return usage && { ...usage, costUsd: costOf(model, usage) };
}

function resultOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "aborted";
  return error instanceof AppError ? error.code : "INTERNAL";
}
