/**
 * A circuit breaker for all calls to Telegram: after several calls without an answer, all chats pause, longer each time, and
 * then one call probes. All times are milliseconds of the budget's clock.
 */

/** Unanswered calls in a row that count as an outage. */
const OUTAGE_CALLS = 3;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 10_000;
/** How long a probe may take; after that it counts as failed. */
const MAX_PROBE_MS = 20_000;

export interface OutagePause {
  /** The earliest time at which a call may start. */
  until(): number;
  start(now: number): void;
  undo(startedAt: number): void;
  end(isAnswered: boolean, startedAt: number, now: number): void;
}

export function createOutagePause(): OutagePause {
  let unanswered = 0;
  /** Pauses in a row; the newest one began at `pausedAt`. */
  let pauses = 0;
  let pausedAt = Number.NEGATIVE_INFINITY;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  return {
    until: () => pausedUntil,
    start(now) {
      if (unanswered >= OUTAGE_CALLS) pausedUntil = now + MAX_PROBE_MS;
    },
    undo(startedAt) {
      // The probe was not made: the next call probes.
      if (unanswered >= OUTAGE_CALLS) pausedUntil = startedAt;
    },
    end(isAnswered, startedAt, now) {
      if (isAnswered) {
        unanswered = 0;
        pauses = 0;
        pausedUntil = Number.NEGATIVE_INFINITY;
        return;
      }
      // Calls that were in flight together fail for one reason and cause one pause.
      if (startedAt <= pausedAt) return;
      unanswered += 1;
      if (unanswered < OUTAGE_CALLS) return;
      pausedUntil = now + Math.min(FIRST_PAUSE_MS * 2 ** pauses, MAX_PAUSE_MS);
      pausedAt = now;
      pauses += 1;
    },
  };
}
