/**
 * Limits repeated warnings (while Telegram or the database is unavailable there are thousands). Each phrase is written once
 * per interval, and its next line has the number of suppressed ones. Errors are never suppressed.
 *
 * The phrase is the constant text of a log line, without its facts. This module knows only the arguments of pino's log
 * methods.
 */

/** Each phrase is written at most once per interval, in milliseconds. */
export const WARNING_INTERVAL_MS = 10_000;

/** Phrases kept: far more than the code has. It bounds the memory should one of them not be constant. */
const MAX_PHRASES = 1_000;

/** The arguments of a log method: facts and a phrase, or the phrase alone. */
type LogArguments = [facts: unknown, phrase?: string | undefined, ...rest: unknown[]];

export interface LogThrottle {
  /** The arguments to write, with `suppressed` when earlier lines were suppressed; null to suppress this line. */
  throttle<T extends LogArguments>(args: T): T | null;
}

/** `now`: milliseconds that never go back. */
export function createLogThrottle(now: () => number): LogThrottle {
  /** Ordered by the time of the last line, oldest first. */
  const phrases = new Map<string, { writtenAt: number; suppressed: number }>();
  return {
    throttle(args) {
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
      removeOldest(phrases);
      return known && known.suppressed > 0 ? withSuppressed(args, known.suppressed) : args;
    },
  };
}

/** Null without a phrase: such a line is never suppressed. */
function phraseOf([facts, phrase]: LogArguments): string | null {
  if (typeof facts === "string") return facts;
  return phrase ?? null;
}

function removeOldest(phrases: Map<string, unknown>): void {
  const [oldest] = phrases.keys();
  if (phrases.size > MAX_PHRASES && oldest !== undefined) phrases.delete(oldest);
}

/** Adds the number of lines suppressed since the last one with this phrase. */
function withSuppressed<T extends LogArguments>(args: T, suppressed: number): T {
  const [facts, ...rest] = args;
  if (typeof facts === "string") return [{ suppressed }, facts, ...rest] as unknown as T;
  return [{ ...(facts instanceof Error ? { err: facts } : (facts as object)), suppressed }, ...rest] as T;
}
