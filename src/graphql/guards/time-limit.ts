/**
 * The timeout of a request, whatever the cause: a slow statement, many statements, a pool without a free connection.
 *
 * After the timeout the client gets an error, and no more fields are resolved (`deny-by-default.ts` checks `context.operation`).
 * The statement timeout of Postgres ends a running statement. An AbortSignal for the executor would do the same, but then the
 * executor races a promise per object, which takes a third of its time. Subscriptions have no timeout.
 */
import { GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";
import { answerWithin } from "../../process/timeout.ts";
import type { AdminContext } from "../context.ts";
import type { Authenticator } from "./auth.ts";

/** From the start of the request to its response, in milliseconds. */
export const REQUEST_LIMIT_MS = 10_000;

/** An authenticator with a timeout: the lookup of a token may wait for a connection, too. */
export function withinTime({ authenticate }: Authenticator, limitMs: number): Authenticator {
  return { authenticate: (request) => answerWithin(limitMs, authenticate(request), tooSlow) };
}

/** Ends requests that take longer than `limitMs`. Must come before plugins that may wait. */
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
  const message =
    "The request took too long and was cancelled: request less, for example a smaller page or a shorter period";
  return new GraphQLError(message, { extensions: { code: "TIMEOUT", http: { status: 504 } } });
}

/** Not all promises of the executor are instances of `Promise`. */
function isPromiseLike<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return value !== null && typeof value === "object" && "then" in value;
}
