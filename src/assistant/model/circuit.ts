/**
 * The circuit around the model, one for each process: while the provider is away, calls fail at once, and one at a time
 * tries whether it is back.
 *
 * Our own, not a package's: cockatiel's lets everybody wait for the trial's end, takes a trial that a person stopped for a
 * success, and counts by the wall clock, which may jump.
 */
import type { Logger } from "../../observability/logger.ts";
import type { CircuitState } from "../../observability/meter.ts";
import { CIRCUIT_FAILURES, CIRCUIT_OPEN_MS, MAX_CIRCUIT_OPEN_MS } from "../limits.ts";
import { ModelError, type ModelFault } from "./error.ts";
import type { Model } from "./model.ts";

export interface CircuitOptions {
  logger: Logger;
  /** Milliseconds on a clock that never jumps; `performance.now` when left out. */
  now?(): number;
  /** Hears of each change of state. */
  onCircuit?(state: CircuitState): void;
}

/**
 * The same model behind a circuit. It opens after `CIRCUIT_FAILURES` calls in a row that the provider did not take, and
 * closes with the first one that is answered: be it by the first piece of text, or by a refusal.
 *
 * @throws {ModelError} `MODEL_CIRCUIT_OPEN`, without asking the model.
 */
export function withCircuit(model: Model, options: CircuitOptions): Model {
  const circuit = createCircuit(options);
  return {
    name: model.name,
    async answer(request, { signal, onText }) {
      signal.throwIfAborted();
      const report = circuit.enter();
      const hear = (delta: string) => {
        report("there");
        onText(delta);
      };
      try {
        const answer = await model.answer(request, { signal, onText: hear });
        report("there");
        return answer;
      } catch (error) {
        report(error instanceof ModelError ? error : "unknown");
        throw circuit.state() === "open" ? asLasting(error) : error;
      }
    },
  };
}

/** While the circuit is open asking again does not help: nobody is to wait for it. */
function asLasting(error: unknown): unknown {
  if (!(error instanceof ModelError)) return error;
  return new ModelError(error.code, error.message, { mayPass: false, retryAfterSeconds: error.retryAfterSeconds });
}

/** What a call says of the provider: that it is there, an error, or, when it was broken off, nothing. */
type Finding = "there" | "unknown" | ModelError;

/** The provider took no call. One that limits the rate of every call is away as well; text in between shows that it is not. */
const AWAY: ReadonlySet<ModelFault> = new Set([
  "MODEL_UNREACHABLE",
  "MODEL_UNAVAILABLE",
  "MODEL_RATE_LIMITED",
  "MODEL_STREAM_BROKEN",
  "MODEL_SILENT",
]);

function createCircuit({ logger, now = () => performance.now(), onCircuit }: CircuitOptions) {
  let state: CircuitState = "closed";
  let changes = 0;
  let failures = 0;
  /** In a row, without one success. */
  let openings = 0;
  let firstOpenedAt = 0;
  let opensUntil = 0;

  const become = (next: CircuitState) => {
    state = next;
    changes += 1;
    onCircuit?.(next);
  };
  const open = ({ code, retryAfterSeconds }: ModelError) => {
    const openMs = Math.max(CIRCUIT_OPEN_MS * 2 ** openings, (retryAfterSeconds ?? 0) * 1_000);
    opensUntil = now() + Math.min(openMs, MAX_CIRCUIT_OPEN_MS);
    openings += 1;
    become("open");
    if (openings > 1) return;
    firstOpenedAt = now();
    logger.warn({ failures, errorCode: code }, "the model is away: it is not asked until a trial succeeds");
  };
  const close = () => {
    logger.info({ trials: openings, awayMs: Math.round(now() - firstOpenedAt) }, "the model is back");
    openings = 0;
    become("closed");
  };
  const take = (finding: Finding) => {
    if (isAway(finding)) {
      failures += 1;
      // A trial is one more in the same row.
      if (failures >= CIRCUIT_FAILURES) open(finding);
    } else if (isThere(finding)) {
      failures = 0;
      if (state === "half-open") close();
    } else if (state === "half-open") {
      // The trial has shown nothing: the next call is another.
      become("open");
    }
  };

  return {
    state: () => state,
    /** Lets a call through; what it found is told once, later findings of the same call are no news. */
    enter(): (finding: Finding) => void {
      if (state === "half-open" || (state === "open" && now() < opensUntil)) {
        throw new ModelError(
          "MODEL_CIRCUIT_OPEN",
          "The model was not asked: it did not answer any of the calls before.",
        );
      }
      if (state === "open") become("half-open");
      const enteredAfter = changes;
      let isTold = false;
      return (finding) => {
        // What was asked before the circuit changed says nothing of the time since.
        if (!isTold && changes === enteredAfter) take(finding);
        isTold = true;
      };
    },
  };
}

function isAway(finding: Finding): finding is ModelError {
  return finding instanceof ModelError && AWAY.has(finding.code);
}

/** Also by refusing: only a failure while it works on an answer may be either. */
function isThere(finding: Finding): boolean {
  return finding === "there" || (finding instanceof ModelError && finding.code !== "MODEL_FAILED");
}
