/**
 * The queue of one subscriber, bounded so that a client that does not read cannot fill the memory.
 *
 * A full queue fails with an error, and the subscriber is dropped. The client loses nothing: the changes are in the database, and
 * its last cursor leads to them.
 */
import { AppError } from "../../errors.ts";

/** Events that may wait for one subscriber: about ten seconds of a busy shop. */
export const MAX_WAITING = 1_000;

/** Events arrive faster than the client reads them. */
export class SubscriberTooSlowError extends AppError {
  override readonly code = "SUBSCRIBER_TOO_SLOW";

  constructor() {
    super(`More than ${MAX_WAITING} events wait for this subscriber: subscribe again with 'after', the last cursor`);
  }
}

export interface BoundedQueue<Item> {
  /** Adds an item at the end. A full queue fails instead. */
  put(item: Item): void;
  /** The next item as soon as there is one; undefined after `close`. Call it again only after the last call has settled. */
  take(): Promise<Item | undefined>;
  /** Discards the waiting items. From now on `take` rejects with this error. */
  fail(error: AppError): void;
  close(): void;
}

/** `onFail` is called once, at the first failure, even if nobody calls `take`. */
export function createBoundedQueue<Item>(onFail: () => void): BoundedQueue<Item> {
  let items: Item[] = [];
  /** The pending `take`. */
  let taker: PromiseWithResolvers<Item | undefined> | undefined;
  /** What `take` returns once the queue has failed or is closed. */
  let ending: (() => Promise<undefined>) | undefined;

  const end = (result: () => Promise<undefined>) => {
    items = [];
    ending = result;
    taker?.resolve(result());
    taker = undefined;
  };
  const fail = (error: AppError) => {
    if (ending) return;
    end(() => Promise.reject(error));
    onFail();
  };

  return {
    put(item) {
      if (ending) return;
      if (items.length >= MAX_WAITING) return fail(new SubscriberTooSlowError());
      if (!taker) return void items.push(item);
      taker.resolve(item);
      taker = undefined;
    },
    take() {
      if (ending) return ending();
      if (items.length > 0) return Promise.resolve(items.shift());
      taker = Promise.withResolvers();
      return taker.promise;
    },
    fail,
    close: () => end(() => Promise.resolve(undefined)),
  };
}
