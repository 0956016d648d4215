/** The errors of model calls: a stable code, and a message of our own without secrets. */
import { AppError } from "../../errors.ts";
import { withoutSecrets } from "../../observability/logger.ts";

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
  | "MODEL_CIRCUIT_OPEN";

/** Errors after which a retry a little later mostly succeeds. */
const TRANSIENT: ReadonlySet<ModelFault> = new Set([
  "MODEL_UNREACHABLE",
  "MODEL_UNAVAILABLE",
  "MODEL_RATE_LIMITED",
  "MODEL_STREAM_BROKEN",
  "MODEL_SILENT",
]);

/** The model gave no answer. The message quotes the provider without secrets: it is fit for a log and for admins. */
export class ModelError extends AppError {
  override readonly code: ModelFault;
  /** Whether a retry of the same call may succeed. */
  readonly isTransient: boolean;
  /** How long the server asks to wait; null when it does not ask. */
  readonly retryAfterSeconds: number | null;

  /** `isTransient` follows from the code when it is left out. */
  constructor(
    code: ModelFault,
    message: string,
    facts: { isTransient?: boolean; retryAfterSeconds?: number | null } = {},
  ) {
    super(withoutSecrets(message));
    this.code = code;
    this.isTransient = facts.isTransient ?? TRANSIENT.has(code);
    this.retryAfterSeconds = facts.retryAfterSeconds ?? null;
  }
}

/** The same error without the API key: a server that refuses a key may quote it. */
export function withoutKey(error: unknown, apiKey: string | null): unknown {
  if (!(error instanceof ModelError) || !apiKey || !error.message.includes(apiKey)) return error;
  return new ModelError(error.code, error.message.replaceAll(apiKey, "[key]"), error);
}

/** How a call that threw `error` ended: `aborted`, or the error's code. */
export function resultOfFailure(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "aborted";
  return error instanceof AppError ? error.code : "INTERNAL";
}
