/**
 * What waits for one subscriber: a queue with an end, and with a limit.
 *
 * Whoever does not read is dropped, with an error that says so: what they miss is in the database, and their last cursor
 * leads to it. So memory is bounded, whatever a client does.
 */
import { AppError } from "../../errors.ts";

/** Events that may wait for a subscriber: some ten seconds of a busy shop. */
export const MAX_WAITING = 1_000;

/** The subscriber reads more slowly than things happen. */
export class SubscriberTooSlowError extends AppError {
  override readonly code = "SUBSCRIBER_TOO_SLOW";

  constructor() {
    super(`More than ${MAX_WAITING} events wait for this subscriber: subscribe again with 'after', the last cursor`);
  }
}

export interface BoundedQueue<Item> {
  /** Adds to the end; when it is full, the inbox fails instead. */
  put(item: Item): void;
  /** The next item, once there is one; undefined after `close`. What waits is thrown away when it fails. One at a time. */
  take(): Promise<Item | undefined>;
  /** Every `take` throws this from now on. */
  fail(error: AppError): void;
  close(): void;
}

/** `onFail`: at its first failure, whether or not anybody takes. */
export function createBoundedQueue<Item>(onFail: () => void): BoundedQueue<Item> {
  let items: Item[] = [];
  let isClosed = false;
  let failure: AppError | undefined;
  /** Whoever waits for the next item. */
  let taker: { resolve(item: Item | undefined): void; reject(error: AppError): void } | undefined;
  const end = () => {
    items = [];
    if (failure) taker?.reject(failure);
    else taker?.resolve(undefined);
    taker = undefined;
  };
  const fail = (error: AppError) => {
    if (isClosed || failure) return;
    failure = error;
    end();
    onFail();
  };
  return {
    put(item) {
      if (isClosed || failure) return;
      if (items.length >= MAX_WAITING) return fail(new SubscriberTooSlowError());
      if (!taker) return void items.push(item);
      taker.resolve(item);
      taker = undefined;
    },
    take() {
      if (isClosed) return Promise.resolve(undefined);
      if (failure) return Promise.reject(failure);
      if (items.length > 0) return Promise.resolve(items.shift());
      return new Promise((resolve, reject) => {
        taker = { resolve, reject };
      });
    },
    fail,
    close() {
      isClosed = true;
      end();
    },
  };
}
