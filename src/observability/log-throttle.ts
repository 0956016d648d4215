/**
 * Warnings that come by the thousand (Telegram away, the database away), thinned out: each phrase once in a while, the next
 * line with the number of those left out. Errors are never left out.
 *
 * A phrase is what a line says whatever its facts are; that it is constant is the habit of those who write it. It knows no
 * more of pino than the arguments of a log method.
 */

/** One phrase is warned of at most once in so many milliseconds. */
export const WARNING_INTERVAL_MS = 10_000;

/** Phrases remembered: far more than there are in the code, and a bound should one of them not be constant after all. */
const MAX_PHRASES = 1_000;

/** What a log method is called with: facts and a phrase, or the phrase alone. */
type LogArguments = [facts: unknown, phrase?: string | undefined, ...rest: unknown[]];

export interface LogThrottle {
  /** The arguments as they are to be written, with `suppressed` where lines were left out before; null to leave this out. */
  pass<T extends LogArguments>(args: T): T | null;
}

/** `now`: a clock in milliseconds that never goes back. */
export function createLogThrottle(now: () => number): LogThrottle {
  /** In the order in which they were last written. */
  const phrases = new Map<string, { writtenAt: number; suppressed: number }>();
  return {
    pass(args) {
      const phrase = phraseOf(args);
      if (phrase === null) return args;
      const at = now();
      const known = phrases.get(phrase);
      if (known && at - known.writtenAt < WARNING_INTERVAL_MS) {
        known.suppressed += 1;
        return null;
      }
      phrases.delete(phrase);
      phrases.set(phrase, { writtenAt: at, suppressed: 0 });
      forgetOldest(phrases);
      return known && known.suppressed > 0 ? withSuppressed(args, known.suppressed) : args;
    },
  };
}

/** Null where there is none: such a line is never left out. */
function phraseOf([facts, phrase]: LogArguments): string | null {
  if (typeof facts === "string") return facts;
  return phrase ?? null;
}

function forgetOldest(phrases: Map<string, unknown>): void {
  const [oldest] = phrases.keys();
  if (phrases.size > MAX_PHRASES && oldest !== undefined) phrases.delete(oldest);
}

/** The line says by itself how many were left out since the last one like it. */
function withSuppressed<T extends LogArguments>(args: T, suppressed: number): T {
  const [facts, ...rest] = args;
  if (typeof facts === "string") return [{ suppressed }, facts, ...rest] as unknown as T;
  return [{ ...(facts instanceof Error ? { err: facts } : (facts as object)), suppressed }, ...rest] as T;
}
