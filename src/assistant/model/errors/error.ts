/** The errors of model calls: a stable code, and a message of our own without secrets. */
import { AppError } from "../../../errors.ts";
import { withoutSecrets } from "../../../observability/logger.ts";
import type { ContextError } from "./context-error.ts";

export type ModelFault =
  | "MODEL_UNREACHABLE"
  | "MODEL_UNAVAILABLE"
  | "MODEL_RATE_LIMITED"
  | "MODEL_QUOTA"
  | "MODEL_REFUSED_KEY"
  | "MODEL_REFUSED_REQUEST"
  | "MODEL_FAILED"
  | "MODEL_STREAM_BROKEN"
  | "MODEL_SILENT"
  | "MODEL_TIMEOUT"
  | "MODEL_TOO_LONG"
  | "MODEL_INPUT_TOO_LONG"
  | "MODEL_TOOLS_AS_TEXT"
  | "MODEL_CIRCUIT_OPEN";

/** Errors after which a retry a little later mostly succeeds. */
const TRANSIENT: ReadonlySet<ModelFault> = new Set([
  "MODEL_UNREACHABLE",
  "MODEL_UNAVAILABLE",
  "MODEL_RATE_LIMITED",
  "MODEL_STREAM_BROKEN",
  "MODEL_SILENT",
]);

interface ModelErrorFacts {
  /** Follows from the code when it is left out. */
  isTransient?: boolean;
  retryAfterSeconds?: number | null;
  status?: number | null;
  context?: ContextError | null;
}

/** The model gave no answer. The message quotes the provider without secrets: it is fit for a log and for admins. */
export class ModelError extends AppError {
  override readonly code: ModelFault;
  /** Whether a retry of the same call may succeed. */
  readonly isTransient: boolean;
  /** How long the server asks to wait; null when it does not ask. */
  readonly retryAfterSeconds: number | null;
  /** The HTTP status with which the server refused the request; null when it did not refuse it. */
  readonly status: number | null;
  /** Of `MODEL_INPUT_TOO_LONG`: the numbers that the server told. */
  readonly context: ContextError | null;

  constructor(code: ModelFault, message: string, facts: ModelErrorFacts = {}) {
    super(withoutSecrets(message));
    this.code = code;
    this.isTransient = facts.isTransient ?? TRANSIENT.has(code);
    this.retryAfterSeconds = facts.retryAfterSeconds ?? null;
    this.status = facts.status ?? null;
    this.context = facts.context ?? null;
  }
}

/** The same error without the API key: a server that refuses a key may quote it. */
export function withoutKey(error: unknown, apiKey: string | null): unknown {
  // A placeholder such as "x" is part of any message.
  if (!(error instanceof ModelError) || !apiKey || apiKey.length < MIN_SECRET_LENGTH) return error;
  if (!error.message.includes(apiKey)) return error;
  return new ModelError(error.code, error.message.replaceAll(apiKey, "[key]"), error);
}

/** Shorter keys are placeholders for servers that need none. */
const MIN_SECRET_LENGTH = 8;

/** How a call that threw `error` ended: `aborted`, or the error's code. */
export function resultOfFailure(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "aborted";
  return error instanceof AppError ? error.code : "INTERNAL";
}
