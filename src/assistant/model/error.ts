/** What can go wrong between us and the model, in our own words: by a stable name, and without secrets. */
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

/** Faults that are mostly gone when the same is asked again a little later. */
const PASSING: ReadonlySet<ModelFault> = new Set([
  "MODEL_UNREACHABLE",
  "MODEL_UNAVAILABLE",
  "MODEL_RATE_LIMITED",
  "MODEL_STREAM_BROKEN",
  "MODEL_SILENT",
]);

/** The model gave no answer. The message is our own words and what the provider said, fit for a log and an admin. */
export class ModelError extends AppError {
  override readonly code: ModelFault;
  /** Whether the same may be answered when it is asked again. */
  readonly mayPass: boolean;
  /** How long the server asks to wait; null when it does not say. */
  readonly retryAfterSeconds: number | null;

  /** `mayPass` goes by the code when it is left out. */
  constructor(code: ModelFault, message: string, facts: { mayPass?: boolean; retryAfterSeconds?: number | null } = {}) {
    super(withoutSecrets(message));
    this.code = code;
    this.mayPass = facts.mayPass ?? PASSING.has(code);
    this.retryAfterSeconds = facts.retryAfterSeconds ?? null;
  }
}

/** A server that refuses a key may quote it. */
export function withoutKey(error: unknown, apiKey: string | null): unknown {
  if (!(error instanceof ModelError) || !apiKey || !error.message.includes(apiKey)) return error;
  return new ModelError(error.code, error.message.replaceAll(apiKey, "[key]"), error);
}
