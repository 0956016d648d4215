/**
 * The circuit breaker around the model, one for each process: while the provider is unavailable, calls fail at once, and one call at
 * a time tries whether it is back.
 *
 * Our own, not cockatiel's: that one makes all callers wait for the trial, takes a trial that a person stopped for a success,
 * and uses the wall clock, which may jump.
 */
import type { Logger } from "../../observability/logger.ts";
import type { CircuitState } from "../../observability/meter.ts";
import { CIRCUIT_FAILURES, CIRCUIT_OPEN_MS, MAX_CIRCUIT_OPEN_MS } from "../limits.ts";
import { ModelError, type ModelFault } from "./errors/error.ts";
import type { Model } from "./model.ts";

export interface CircuitOptions {
  logger: Logger;
  /** Milliseconds of a monotonic clock; `performance.now` when left out. */
  now?(): number;
  /** Called for each change of state. */
  onCircuit?(state: CircuitState): void;
}

/**
 * The same model behind a circuit breaker. It opens after `CIRCUIT_FAILURES` calls in a row that the provider did not accept,
 * and closes with the first call that is answered: by a first piece of text, or by a refusal.
 *
 * @throws {ModelError} `MODEL_CIRCUIT_OPEN`, without a call of the model.
 */
export function withCircuit(model: Model, options: CircuitOptions): Model {
  const circuit = createCircuit(options);
  return {
    ...model,
    async answer(request, { signal, onText }) {
      signal.throwIfAborted();
      const report = enter(circuit);
      const onFirstText = (delta: string) => {
        report("up");
        onText(delta);
      };
      try {
        const answer = await model.answer(request, { signal, onText: onFirstText });
        report("up");
        return answer;
      } catch (error) {
        report(error instanceof ModelError ? error : "unknown");
        throw circuit.state === "open" ? asPermanent(error) : error;
      }
    },
  };
}

/** While the circuit is open a retry does not help: nobody should wait for one. */
function asPermanent(error: unknown): unknown {
  if (!(error instanceof ModelError)) return error;
  return new ModelError(error.code, error.message, { isTransient: false, retryAfterSeconds: error.retryAfterSeconds });
}

/** What a call shows of the provider: that it is up, an error, or, when the call was aborted, nothing. */
type Finding = "up" | "unknown" | ModelError;

/**
 * The provider accepted no call. One that refuses every call by its rate limit is unavailable as well; text in between shows
 * that it is not.
 */
const OUTAGES: ReadonlySet<ModelFault> = new Set([
  "MODEL_UNREACHABLE",
  "MODEL_UNAVAILABLE",
  "MODEL_RATE_LIMITED",
  "MODEL_STREAM_BROKEN",
  "MODEL_SILENT",
]);

interface Circuit {
  readonly logger: Logger;
  readonly now: () => number;
  readonly onCircuit: ((state: CircuitState) => void) | undefined;
  state: CircuitState;
  /** Changes of state so far. */
  changes: number;
  /** In a row. */
  failures: number;
  /** In a row, without a success. */
  openings: number;
  firstOpenedAt: number;
  opensUntil: number;
}

function createCircuit({ logger, now = () => performance.now(), onCircuit }: CircuitOptions): Circuit {
  const counts = { changes: 0, failures: 0, openings: 0, firstOpenedAt: 0, opensUntil: 0 };
  return { logger, now, onCircuit, state: "closed", ...counts };
}

/** Lets a call through. @returns a function to report what the call shows; only its first report counts. */
function enter(circuit: Circuit): (finding: Finding) => void {
  if (circuit.state === "half-open" || (circuit.state === "open" && circuit.now() < circuit.opensUntil)) {
    throw new ModelError("MODEL_CIRCUIT_OPEN", "The model was not called: it did not answer any of the calls before.");
  }
  if (circuit.state === "open") become(circuit, "half-open");
  const enteredAfter = circuit.changes;
  let isReported = false;
  return (finding) => {
    // A call that began before the last change of state shows nothing of the time since.
    if (!isReported && circuit.changes === enteredAfter) take(circuit, finding);
    isReported = true;
  };
}

function take(circuit: Circuit, finding: Finding): void {
  if (isAway(finding)) {
    circuit.failures += 1;
    // A trial continues the same row of failures.
    if (circuit.failures >= CIRCUIT_FAILURES) open(circuit, finding);
  } else if (isUp(finding)) {
    circuit.failures = 0;
    if (circuit.state === "half-open") close(circuit);
  } else if (circuit.state === "half-open") {
    // The trial showed nothing: the next call is another one.
    become(circuit, "open");
  }
}

function open(circuit: Circuit, { code, retryAfterSeconds }: ModelError): void {
  const { failures, logger, now } = circuit;
  const openMs = Math.max(CIRCUIT_OPEN_MS * 2 ** circuit.openings, (retryAfterSeconds ?? 0) * 1_000);
  circuit.opensUntil = now() + Math.min(openMs, MAX_CIRCUIT_OPEN_MS);
  circuit.openings += 1;
  become(circuit, "open");
  if (circuit.openings > 1) return;
  circuit.firstOpenedAt = now();
  logger.warn({ failures, errorCode: code }, "the model is unavailable: it is not called until a trial succeeds");
}

function close(circuit: Circuit): void {
  const { firstOpenedAt, logger, now, openings } = circuit;
  logger.info({ trials: openings, awayMs: Math.round(now() - firstOpenedAt) }, "the model is back");
  circuit.openings = 0;
  become(circuit, "closed");
}

function become(circuit: Circuit, state: CircuitState): void {
  circuit.state = state;
  circuit.changes += 1;
  circuit.onCircuit?.(state);
}

function isAway(finding: Finding): finding is ModelError {
  return finding instanceof ModelError && OUTAGES.has(finding.code);
}

/** A refusal shows it too. Only a failure during an answer may mean either. */
function isUp(finding: Finding): boolean {
  return finding === "up" || (finding instanceof ModelError && finding.code !== "MODEL_FAILED");
}
