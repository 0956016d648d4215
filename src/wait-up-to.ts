/** Waiting with a limit. */

/** Waits for `work` to settle, but no longer than `limitMs`; rejects when it rejects within that time. */
export async function waitUpTo(limitMs: number, work: Promise<unknown>): Promise<void> {
  await raceLimit(limitMs, work, (limit) => limit.resolve());
}

/** What `work` brings within `limitMs`; after that it rejects with what `makeError` makes, whatever becomes of `work`. */
export function answerWithin<T>(limitMs: number, work: Promise<T>, makeError: () => Error): Promise<T> {
  return raceLimit<T, never>(limitMs, work, (limit) => limit.reject(makeError()));
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
