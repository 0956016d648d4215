/**
 * Asks a model again where that may help: one budget for each attempt at a run, spent over all of its rounds.
 *
 * Only while nothing of the answer was heard: what a person has seen is never said anew. Whether the model is asked at all
 * is the circuit's matter, within.
 */
import { setTimeout as delay } from "node:timers/promises";
import { MAX_MODEL_RETRIES, MAX_RETRY_AFTER_SECONDS, MODEL_RETRY_WAIT_MS } from "../limits.ts";
import { ModelError, type ModelFault } from "./error.ts";
import type { Model } from "./model.ts";

/** One more call of the model, after a failed one. */
export interface ModelRetry {
  /** How the failed call ended. */
  fault: ModelFault;
  /** How long is waited first, in milliseconds. */
  waitMs: number;
}

export interface RetryOptions {
  /** Waits; ends at once, however it likes, when the signal aborts. */
  sleep?(ms: number, signal: AbortSignal): Promise<unknown>;
  /** From 0 up to 1; `Math.random` when left out. */
  random?(): number;
  /** Hears of each retry before its wait. */
  onRetry?(retry: ModelRetry): void;
}

/** The model for one run. Its error is the last call's; it never waits longer than `MAX_RETRY_AFTER_SECONDS` and its own wait. */
export function withRetries(model: Model, options: RetryOptions = {}): Model {
  const { sleep = (ms, signal) => delay(ms, undefined, { signal }), random = Math.random } = options;
  let budget = MAX_MODEL_RETRIES;
  const retryAfter = (error: unknown, failures: number): ModelRetry | null => {
    if (!(error instanceof ModelError) || !error.mayPass) return null;
    const askedSeconds = error.retryAfterSeconds ?? 0;
    if (costOf(error.code) > budget || askedSeconds > MAX_RETRY_AFTER_SECONDS) return null;
    budget -= costOf(error.code);
    // Any moment up to the longest, behind what the server asks for: those who failed together do not come back together.
    const waitMs = askedSeconds * 1_000 + random() * MODEL_RETRY_WAIT_MS * 2 ** (failures - 1);
    return { fault: error.code, waitMs: Math.round(waitMs) };
  };

  return {
    name: model.name,
    async answer(request, { signal, onText }) {
      let wasHeard = false;
      const hear = (delta: string) => {
        wasHeard = true;
        onText(delta);
      };
      for (let failures = 1; ; failures += 1) {
        try {
          return await model.answer(request, { signal, onText: hear });
        } catch (error) {
          const retry = wasHeard ? null : retryAfter(error, failures);
          if (!retry) throw error;
          options.onRetry?.(retry);
          await sleep(retry.waitMs, signal).catch((reason: unknown) => {
            signal.throwIfAborted();
            throw reason;
          });
        }
      }
    },
  };
}

/** A silence has cost the person more than all the waits together: it is borne once in a run. */
function costOf(fault: ModelFault): number {
  return fault === "MODEL_SILENT" ? MAX_MODEL_RETRIES - 1 : 1;
}
