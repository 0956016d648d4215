/**
 * Retries: an operation that fails is tried again, after pauses that grow.
 *
 * Our own, not p-retry, @humanwhocodes/retry or cockatiel: none of them waits for as long as a server asks, and none lets a
 * test replace the clock. p-retry's jitter only lengthens a pause, so clients that failed together still return in a burst.
 */
import { setTimeout as pause } from "node:timers/promises";

/** Pauses that double from `firstMs` up to `longestMs`; all as long as the first when `longestMs` is left out. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs?: number;
  /** Full jitter: any pause from 0 up to that. For many clients that fail at the same moment. */
  readonly hasJitter?: boolean;
  /** How long the server asks to wait after this error, in milliseconds; 0 when it does not ask. No pause is shorter. */
  askedMs?(error: unknown): number;
  /** From 0 up to 1; `Math.random` when left out. */
  random?(): number;
}

/** One more try after a failed one. */
export interface Retry {
  readonly error: unknown;
  /** Failures in a row, this one included. */
  readonly failures: number;
  /** The pause before the retry, in milliseconds. */
  readonly waitMs: number;
}

export interface RetryOptions extends Backoff {
  /** Tries in all, the first included; without limit when left out. */
  readonly maxTries?: number;
  /** The longest wait that a server may ask for, in milliseconds. When it asks for more, there is no retry. */
  readonly maxAskedMs?: number;
  /** Ends a pause at once, and the retries with it. */
  readonly signal?: AbortSignal | undefined;
  /** The pauses do not keep the process running. */
  readonly isBackground?: boolean;
  /** Whether another try may help; always when left out. */
  isRetryable?(error: unknown): boolean;
  /** Called before the pause. */
  onRetry?(retry: Retry): void;
  /** Waits, or rejects when the signal aborts. The system's clock when left out. */
  sleep?(ms: number, signal: AbortSignal | undefined): Promise<unknown>;
}

/**
 * Runs `operation` until it succeeds.
 *
 * @throws the last error when there is no retry; the signal's reason when it aborts before a try or in a pause.
 */
export async function retry<T>(operation: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal } = options;
  for (let failures = 1; ; failures += 1) {
    signal?.throwIfAborted();
    try {
      return await operation();
    } catch (error) {
      if (signal?.aborted || !isRetryable(error, failures, options)) throw error;
      const waitMs = backoffMs(failures, options, error);
      options.onRetry?.({ error, failures, waitMs });
      await sleep(waitMs, options);
    }
  }
}

/** The pause after `failures` in a row, the last of them `error`, in whole milliseconds. */
export function backoffMs(failures: number, backoff: Backoff, error?: unknown): number {
  const { firstMs, longestMs = firstMs, hasJitter = false, random = Math.random } = backoff;
  const askedMs = backoff.askedMs?.(error) ?? 0;
  const growingMs = Math.min(firstMs * 2 ** (failures - 1), longestMs);
  // Jitter comes on top of what the server asks for: it may ask all its clients for the same.
  return Math.round(hasJitter ? askedMs + random() * growingMs : Math.max(askedMs, growingMs));
}

function isRetryable(error: unknown, failures: number, options: RetryOptions): boolean {
  const { maxTries = Number.POSITIVE_INFINITY, maxAskedMs = Number.POSITIVE_INFINITY } = options;
  if (failures >= maxTries || (options.askedMs?.(error) ?? 0) > maxAskedMs) return false;
  return options.isRetryable?.(error) ?? true;
}

async function sleep(ms: number, { signal, isBackground = false, ...options }: RetryOptions): Promise<void> {
  const waiting = options.sleep?.(ms, signal) ?? pause(ms, undefined, { signal, ref: !isBackground });
  await waiting.catch((error: unknown) => {
    signal?.throwIfAborted();
    throw error;
  });
}
