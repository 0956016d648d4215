/** A model whose calls are traced. The calls stay as they are. */
import type { ModelTracer } from "../../observability/tracer.ts";
import { MAX_OUTPUT_TOKENS } from "../limits.ts";
import { resultOfFailure } from "./errors/error.ts";
import type { Model } from "./model.ts";

/** `model`, with each of its calls traced as a part of what `tracer` traces. */
export function createTracedModel(model: Model, tracer: ModelTracer): Model {
  return {
    name: model.name,
    async answer(request, options) {
      const { instructions, input } = request;
      const call = { model: model.name, maxOutputTokens: MAX_OUTPUT_TOKENS, instructions, input };
      const trace = tracer.startModelCall(call);
      try {
        const answer = await model.answer(request, options);
        trace.answered(answer);
        return answer;
      } catch (error) {
        trace.failed(resultOfFailure(error, options.signal));
        throw error;
      }
    },
  };
}
