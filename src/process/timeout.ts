/** Waiting with a time limit, or until a signal aborts. */

/** Waits for `work` to settle, but no longer than `limitMs`. Rejects when it rejects within that time. */
export async function waitUpTo(limitMs: number, work: Promise<unknown>): Promise<void> {
  await raceLimit(limitMs, work, (limit) => limit.resolve());
}

/** The result of `work` within `limitMs`. After that it rejects with what `makeError` returns; `work` is not ended. */
export function answerWithin<T>(limitMs: number, work: Promise<T>, makeError: () => Error): Promise<T> {
  return raceLimit<T, never>(limitMs, work, (limit) => limit.reject(makeError()));
}

/** The result of `work`. Rejects with the signal's reason when that aborts first; `work` is not ended. */
export async function untilAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (!signal) return work;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function raceLimit<T, Late = void>(
  limitMs: number,
  work: Promise<T>,
  onLimit: (limit: PromiseWithResolvers<Late>) => void,
): Promise<T | Late> {
  const limit = Promise.withResolvers<Late>();
  const timer = setTimeout(() => onLimit(limit), limitMs);
  try {
    return await Promise.race([work, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}
