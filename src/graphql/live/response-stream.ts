/** The response stream of one subscription: a source stream in, one execution result per event out. */
import { type ExecutionResult, GraphQLError } from "graphql";
import type { ActivityEvent } from "./source-stream.ts";

/** Results that are computed ahead for one subscriber, so that their rows are loaded together. */
const MAX_AHEAD = 50;

/** The response to one event for one subscriber. It must not reject. */
export type ExecuteEvent = (event: ActivityEvent) => ExecutionResult | Promise<ExecutionResult>;

/** Call `next()` again only after the last call has settled. `return()` may be called at any time. */
export function createResponseStream(
  source: AsyncIterable<ActivityEvent>,
  execute: ExecuteEvent,
): AsyncIterableIterator<ExecutionResult> {
  return new ResponseStream(source[Symbol.asyncIterator](), execute);
}

type Next = IteratorResult<ExecutionResult, undefined>;
const END: Next & { done: true } = { done: true, value: undefined };

/** Not a generator, so that `return()` reaches a source that waits for its next event: see `createSourceStream`. */
class ResponseStream implements AsyncIterableIterator<ExecutionResult> {
  readonly #events: AsyncIterator<ActivityEvent>;
  readonly #execute: ExecuteEvent;
  #results: ReturnType<ExecuteEvent>[] = [];
  #isReading = false;
  #isDone = false;
  /** Resolves the pending `next()`. */
  #resolveNext: ((next: Next | Promise<Next>) => void) | undefined;

  constructor(events: AsyncIterator<ActivityEvent>, execute: ExecuteEvent) {
    this.#events = events;
    this.#execute = execute;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next(): Promise<Next> {
    const next =
      this.#results.length > 0 || this.#isDone
        ? Promise.resolve(this.#take())
        : new Promise<Next>((resolve) => {
            this.#resolveNext = resolve;
          });
    this.#readAhead();
    return next;
  }

  async return(): Promise<Next> {
    this.#isDone = true;
    this.#results = [];
    this.#settleNext();
    await this.#events.return?.();
    return END;
  }

  #readAhead(): void {
    if (this.#isReading || this.#isDone || this.#results.length >= MAX_AHEAD) return;
    this.#isReading = true;
    this.#events.next().then(this.#onEvent, this.#onError);
  }

  // Arrow functions are created once per stream. A closure per event would be more garbage.
  readonly #onEvent = ({ done, value }: IteratorResult<ActivityEvent>) => {
    this.#isReading = false;
    try {
      if (done) this.#isDone = true;
      else if (!this.#isDone) this.#results.push(this.#execute(value));
    } catch (error) {
      return this.#onError(error);
    }
    this.#settleNext();
    this.#readAhead();
  };

  readonly #onError = (error: unknown) => {
    if (this.#isDone) return;
    // The error is the last result: a stream that only breaks off would not say why.
    this.#isDone = true;
    this.#results.push(toErrorResult(error));
    this.#settleNext();
  };

  #settleNext(): void {
    if (!this.#resolveNext || (this.#results.length === 0 && !this.#isDone)) return;
    this.#resolveNext(this.#take());
    this.#resolveNext = undefined;
  }

  #take(): Next | Promise<Next> {
    const result = this.#results.shift();
    if (result === undefined) return END;
    return result instanceof Promise ? result.then(toNext) : toNext(result);
  }
}

export function toErrorResult(error: unknown): ExecutionResult {
  const cause = error instanceof Error ? error : new Error(String(error));
  return { errors: [new GraphQLError(cause.message, { originalError: cause })] };
}

function toNext(value: ExecutionResult): Next {
  return { done: false, value };
}
