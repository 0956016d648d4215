/** How long one model call may take and be silent: the SDK's own time limit ends with the response's headers. */
import { ModelError, type ModelFault } from "./model-error.ts";

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
  const onIdle = expire("MODEL_SILENT", `The model was silent for ${options.idleTimeoutMs / 1000} s.`);
  let idle = setTimeout(onIdle, options.idleTimeoutMs);
  const total = setTimeout(
    expire("MODEL_TIMEOUT", `The model took longer than ${options.totalTimeoutMs / 1000} s.`),
    options.totalTimeoutMs,
  );
  return {
    signal: AbortSignal.any([options.signal, controller.signal]),
    fault: () => fault,
    renew() {
      clearTimeout(idle);
      idle = setTimeout(onIdle, options.idleTimeoutMs);
    },
    clear() {
      clearTimeout(idle);
      clearTimeout(total);
    },
  };
}
