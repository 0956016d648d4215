/** How long one model call may take and be silent: the SDK's own time limit ends with the response's headers. */
import { ModelError, type ModelFault } from "./error.ts";

interface Deadline {
  readonly signal: AbortSignal;
  /** Why it aborted by itself; null while it has not. */
  fault(): ModelError | null;
  /** Something was heard: silence begins anew. */
  renew(): void;
  /** To be called at the end, whatever it was. */
  clear(): void;
}

/** A signal that aborts with the caller's, after silence, and at the latest after the total time. */
export function createDeadline(options: {
  /** Silence before the first `renew()`. */
  firstEventTimeoutMs: number;
  /** Silence after it. */
  idleTimeoutMs: number;
  totalTimeoutMs: number;
  signal: AbortSignal;
}): Deadline {
  const controller = new AbortController();
  let fault: ModelError | null = null;
  const expire = (code: ModelFault, message: string) => () => {
    fault = new ModelError(code, message);
    controller.abort(fault);
  };
  const onSilence = (ms: number) => setTimeout(expire("MODEL_SILENT", `The model was silent for ${ms / 1000} s.`), ms);
  // By hand: a signal made by `AbortSignal.any` is looked through at every piece of text.
  const onCallerAbort = () => controller.abort(options.signal.reason);
  if (options.signal.aborted) onCallerAbort();
  options.signal.addEventListener("abort", onCallerAbort, { once: true });
  let idle = onSilence(options.firstEventTimeoutMs);
  let wasHeard = false;
  const total = setTimeout(
    expire("MODEL_TIMEOUT", `The model took longer than ${options.totalTimeoutMs / 1000} s.`),
    options.totalTimeoutMs,
  );
  return {
    signal: controller.signal,
    fault: () => fault,
    renew() {
      // Once for every piece of text.
      if (wasHeard) return void idle.refresh();
      wasHeard = true;
      clearTimeout(idle);
      idle = onSilence(options.idleTimeoutMs);
    },
    clear() {
      options.signal.removeEventListener("abort", onCallerAbort);
      clearTimeout(idle);
      clearTimeout(total);
    },
  };
}
