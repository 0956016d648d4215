/**
 * Fault injection: the next matching call gets a 429, a broken response, a lost connection or a delay.
 *
 * Owns the queue of planned faults. The dispatcher and the server apply them.
 */

/** `drop-before` resets the connection before the call takes effect, `drop-after` after it did. */
export type Fault =
  | { kind: "too-many-requests"; retryAfterSeconds: number }
  | { kind: "http"; status: number; body: string | object }
  | { kind: "drop-before" }
  | { kind: "drop-after" }
  /** The call waits until the promise settles, then continues normally. */
  | { kind: "delay"; until: Promise<unknown> };

/** The properties of a call that a matcher sees. */
interface FaultableCall {
  method: string;
  params: Readonly<Record<string, unknown>>;
  chatId: number | undefined;
}

/** A method name (case-insensitive) or a predicate. */
type FaultMatcher = string | ((call: FaultableCall) => boolean);

export interface Faults {
  /** Applies `fault` to the next `times` (default 1) matching calls. The oldest matching entry is used first. */
  failNext(matcher: FaultMatcher, fault: Fault, times?: number): void;
  /** Removes and returns the fault for this call. */
  take(call: FaultableCall): Fault | undefined;
}

export function createFaults(): Faults {
  const planned: { matcher: FaultMatcher; fault: Fault; timesLeft: number }[] = [];
  return {
    failNext(matcher, fault, times = 1) {
      planned.push({ matcher, fault, timesLeft: times });
    },
    take(call) {
      const next = planned.find(({ matcher, timesLeft }) => timesLeft > 0 && matches(matcher, call));
      if (!next) return undefined;
      next.timesLeft -= 1;
      return next.fault;
    },
  };
}

function matches(matcher: FaultMatcher, call: FaultableCall): boolean {
  if (typeof matcher === "function") return matcher(call);
  return matcher.toLowerCase() === call.method.toLowerCase();
}
