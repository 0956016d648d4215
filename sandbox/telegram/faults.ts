/**
 * Faults on order: the next call that matches meets a 429, a broken answer, a lost connection or a delay.
 *
 * Owns the queue of ordered faults. What a fault does to the connection is the server's business.
 */

/** What goes wrong. `drop-before` never takes effect; `drop-after` does, but the caller is not told. */
export type Fault =
  | { kind: "too-many-requests"; retryAfterSeconds: number }
  | { kind: "http"; status: number; body: string | object }
  | { kind: "drop-before" }
  | { kind: "drop-after" }
  /** The call is held until the promise settles, then goes on as usual. */
  | { kind: "delay"; until: Promise<unknown> };

/** The part of a call that a fault can be matched on. */
interface FaultableCall {
  method: string;
  params: Readonly<Record<string, unknown>>;
  chatId: number | undefined;
}

/** A method's name, in any case, or a predicate. */
type FaultMatcher = string | ((call: FaultableCall) => boolean);

export interface Faults {
  /** The next `times` (default 1) matching calls meet `fault`. The oldest order that matches is used first. */
  failNext(matcher: FaultMatcher, fault: Fault, times?: number): void;
  /** The fault that this call meets, which is thereby used up. */
  take(call: FaultableCall): Fault | undefined;
}

export function createFaults(): Faults {
  const orders: { matcher: FaultMatcher; fault: Fault; timesLeft: number }[] = [];
  return {
    failNext(matcher, fault, times = 1) {
      orders.push({ matcher, fault, timesLeft: times });
    },
    take(call) {
      const order = orders.find(({ matcher, timesLeft }) => timesLeft > 0 && matches(matcher, call));
      if (!order) return undefined;
      order.timesLeft -= 1;
      return order.fault;
    },
  };
}

function matches(matcher: FaultMatcher, call: FaultableCall): boolean {
  if (typeof matcher === "function") return matcher(call);
  return matcher.toLowerCase() === call.method.toLowerCase();
}
