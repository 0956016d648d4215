/**
 * The log of accepted requests: their contents, when they came, and whether the client disconnected before the end.
 *
 * It watches connections; it sends nothing.
 */

import type { ServerResponse } from "node:http";
import { AppError } from "../../src/errors.ts";
import type { Exchange } from "./send-turn.ts";
import type { ModelRequest } from "./turn.ts";

/** Limit of stored requests: the sandbox may run for days. No test sends as many. */
const MAX_REQUESTS = 1_000;

/** The stand-in closed before the awaited request came. */
class StandInClosedError extends AppError {
  override readonly code = "MODEL_STAND_IN_CLOSED";
}

export interface RequestLog {
  readonly requests: readonly ModelRequest[];
  /** Records a request and watches its connection. */
  open(facts: Omit<RequestFacts, "number">, response: ServerResponse): Exchange;
  waitFor(number: number): Promise<ModelRequest>;
  /** Aborts the signals of open requests without marking them as aborted by the client, and rejects pending waits. */
  close(): void;
}

interface Waiter {
  readonly number: number;
  readonly resolve: (request: ModelRequest) => void;
  readonly reject: (error: Error) => void;
}

export function createRequestLog(): RequestLog {
  const requests: ModelRequest[] = [];
  const waiters = new Set<Waiter>();
  const closing = new AbortController();
  let accepted = 0;

  const add = (request: ModelRequest) => {
    requests.push(request);
    if (requests.length > MAX_REQUESTS) requests.shift();
    for (const waiter of waiters) {
      if (waiter.number !== request.number) continue;
      waiters.delete(waiter);
      waiter.resolve(request);
    }
  };

  return {
    requests,
    open(facts, response) {
      accepted += 1;
      const exchange = watch({ ...facts, number: accepted }, response, closing.signal);
      add(exchange.request);
      return exchange;
    },
    waitFor(number) {
      const known = requests.find((request) => request.number === number);
      if (known !== undefined) return Promise.resolve(known);
      const { promise, resolve, reject } = Promise.withResolvers<ModelRequest>();
      if (closing.signal.aborted) reject(closedError(number));
      else waiters.add({ number, resolve, reject });
      return promise;
    },
    close() {
      closing.abort(new StandInClosedError("The model stand-in closed."));
      for (const waiter of waiters) waiter.reject(closedError(waiter.number));
      waiters.clear();
    },
  };
}

function closedError(number: number): StandInClosedError {
  return new StandInClosedError(`The model stand-in closed before request ${number} came.`);
}

/** The fields of a request that are known when it arrives. */
type RequestFacts = Pick<ModelRequest, "number" | "body" | "chatBody" | "headers" | "startedAtMs">;

function watch(facts: RequestFacts, response: ServerResponse, closing: AbortSignal): Exchange {
  const disconnect = new AbortController();
  const signal = AbortSignal.any([disconnect.signal, closing]);
  const aborted = Promise.withResolvers<void>();
  let isEnded = false;
  response.once("close", () => {
    if (isEnded || closing.aborted) return;
    disconnect.abort(new Error("The client disconnected."));
    aborted.resolve();
  });
  const markEnded = () => {
    isEnded = true;
  };
  const request: ModelRequest = {
    ...facts,
    receivedAtMs: Date.now(),
    whenAborted: aborted.promise,
    signal,
    get aborted() {
      return disconnect.signal.aborted;
    },
  };
  return { request, response, whenAborted: whenAborted(signal), markEnded };
}

function whenAborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) resolve();
  return promise;
}
