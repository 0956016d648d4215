/** Waiting with a limit, or until it is given up. */

/** Waits for `work` to settle, but no longer than `limitMs`; rejects when it rejects within that time. */
export async function waitUpTo(limitMs: number, work: Promise<unknown>): Promise<void> {
  await raceLimit(limitMs, work, (limit) => limit.resolve());
}

/** What `work` brings within `limitMs`; after that it rejects with what `makeError` makes, whatever becomes of `work`. */
export function answerWithin<T>(limitMs: number, work: Promise<T>, makeError: () => Error): Promise<T> {
  return raceLimit<T, never>(limitMs, work, (limit) => limit.reject(makeError()));
}

/** What `work` brings; rejects with the signal's reason when that aborts before, whatever becomes of `work`. */
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
