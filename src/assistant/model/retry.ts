/**
 * Retries of model calls: one budget for each attempt at a run, spent over all of its rounds.
 *
 * A call is retried only while no text of its answer has arrived: a person never sees the same words twice. Whether the
 * model is called at all is decided by the circuit, which is inside.
 */
import { type RetryOptions, retry } from "../../process/retry.ts";
import { MAX_MODEL_RETRIES, MAX_RETRY_AFTER_SECONDS, MODEL_RETRY_WAIT_MS } from "../limits.ts";
import { ModelError, type ModelFault } from "./errors/error.ts";
import type { Model } from "./model.ts";

/** One more call of the model, after a failed one. */
export interface ModelRetry {
  /** How the failed call ended. */
  fault: ModelFault;
  /** The pause before the retry, in milliseconds. */
  waitMs: number;
}

export interface ModelRetryOptions extends Pick<RetryOptions, "random"> {
  /** Waits, or rejects when the signal aborts. The system's clock when left out. */
  sleep?(ms: number, signal: AbortSignal): Promise<unknown>;
  /** Called for each retry, before its pause. */
  onRetry?(retry: ModelRetry): void;
}

/** The model for one run. It throws the error of the last call. */
export function withRetries(model: Model, { onRetry, ...clock }: ModelRetryOptions = {}): Model {
  let budget = MAX_MODEL_RETRIES;
  const isAffordable = (error: unknown) =>
    error instanceof ModelError && error.isTransient && costOf(error.code) <= budget;

  return {
    ...model,
    answer(request, { signal, onText }) {
      let hasText = false;
      const onFirstText = (delta: string) => {
        hasText = true;
        onText(delta);
      };
      return retry(() => model.answer(request, { signal, onText: onFirstText }), {
        ...clock,
        firstMs: MODEL_RETRY_WAIT_MS,
        longestMs: Number.POSITIVE_INFINITY,
        // Runs that failed together must not return together.
        hasJitter: true,
        askedMs,
        maxAskedMs: MAX_RETRY_AFTER_SECONDS * 1_000,
        signal,
        isRetryable: (error) => !hasText && isAffordable(error),
        onRetry({ error, waitMs }) {
          if (!(error instanceof ModelError)) return;
          budget -= costOf(error.code);
          onRetry?.({ fault: error.code, waitMs });
        },
      });
    },
  };
}

function askedMs(error: unknown): number {
  return error instanceof ModelError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
}

/** A silence costs a person more time than all pauses together, so a run survives only one. */
function costOf(fault: ModelFault): number {
  return fault === "MODEL_SILENT" ? MAX_MODEL_RETRIES - 1 : 1;
}
