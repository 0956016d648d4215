/**
 * How long a request may take, whatever holds it up: a slow statement, many of them, a pool without a free connection.
 *
 * The waiting ends, and no further field is read (`deny-by-default.ts` looks at `context.operation`); a statement under way
 * is ended by the server's own limit. An AbortSignal given to the executor would do the same, but has it race a promise for
 * each object: a third of its time. Subscriptions last as long as they like.
 */
import { GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";
import { answerWithin } from "../../process/timeout.ts";
import type { AdminContext } from "../context.ts";
import type { Authenticator } from "./auth.ts";

/** From the request's first line to its answer, in milliseconds. */
export const REQUEST_LIMIT_MS = 10_000;

/** An authenticator that gives up after `limitMs`: the look-up of a token may wait for a connection too. */
export function withinTime({ authenticate }: Authenticator, limitMs: number): Authenticator {
  return { authenticate: (request) => answerWithin(limitMs, authenticate(request), tooSlow) };
}

/** Ends what takes longer than `limitMs`. Comes before all that may wait. */
export function limitTime(limitMs: number): Plugin<AdminContext> {
  const arrivals = new WeakMap<Request, number>();
  return {
    onRequestParse({ request }) {
      arrivals.set(request, performance.now());
    },
    onExecute({ args, executeFn, setExecuteFn }) {
      const { operation, request } = args.contextValue;
      const arrivedAt = arrivals.get(request) ?? performance.now();
      setExecuteFn((input) => {
        const work = executeFn(input);
        if (!isPromiseLike(work)) return work;
        const leftMs = Math.max(arrivedAt + limitMs - performance.now(), 0);
        return answerWithin(leftMs, Promise.resolve(work), () => {
          operation.isOver = true;
          return tooSlow();
        });
      });
    },
  };
}

export function tooSlow(): GraphQLError {
  const message = "This took too long and was given up: ask for less, for example a smaller page or a shorter time";
  return new GraphQLError(message, { extensions: { code: "TIMEOUT", http: { status: 504 } } });
}

/** The executor's promises are not all of the class `Promise`. */
function isPromiseLike<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return value !== null && typeof value === "object" && "then" in value;
}
