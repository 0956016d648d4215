/** How long one model call may take, and be silent: the SDK's own timeout ends with the headers of the response. */
import { ModelError, type ModelFault } from "./errors/error.ts";

interface Deadline {
  readonly signal: AbortSignal;
  /** Why it aborted by itself; null while it has not. */
  fault(): ModelError | null;
  /** An event arrived: the silence starts again. */
  renew(): void;
  /** To be called when the call has ended. */
  clear(): void;
}

export interface DeadlineOptions {
  /** Silence before the first `renew()`, in milliseconds. */
  firstEventTimeoutMs: number;
  /** Silence after it. */
  idleTimeoutMs: number;
  totalTimeoutMs: number;
  signal: AbortSignal;
}

/** A signal that aborts with the caller's, after silence, and at the latest after the total time. */
export function createDeadline({
  firstEventTimeoutMs,
  idleTimeoutMs,
  totalTimeoutMs,
  signal,
}: DeadlineOptions): Deadline {
  const controller = new AbortController();
  let fault: ModelError | null = null;
  const expireAfter = (ms: number, code: ModelFault, message: string) =>
    setTimeout(() => {
      fault = new ModelError(code, message);
      controller.abort(fault);
    }, ms);
  const expireOnSilence = (ms: number) => expireAfter(ms, "MODEL_SILENT", `The model was silent for ${ms / 1000} s.`);
  // Not `AbortSignal.any`: its signal is traversed for every piece of text.
  const onCallerAbort = () => controller.abort(signal.reason);
  if (signal.aborted) onCallerAbort();
  signal.addEventListener("abort", onCallerAbort, { once: true });
  let idle = expireOnSilence(firstEventTimeoutMs);
  let hasEvents = false;
  const total = expireAfter(totalTimeoutMs, "MODEL_TIMEOUT", `The model took longer than ${totalTimeoutMs / 1000} s.`);
  return {
    signal: controller.signal,
    fault: () => fault,
    renew() {
      // Called for every piece of text.
      if (hasEvents) return void idle.refresh();
      hasEvents = true;
      clearTimeout(idle);
      idle = expireOnSilence(idleTimeoutMs);
    },
    clear() {
      signal.removeEventListener("abort", onCallerAbort);
      clearTimeout(idle);
      clearTimeout(total);
    },
  };
}
