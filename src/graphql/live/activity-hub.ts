/**
 * Connects the subscribers of this process with one feed of changes.
 *
 * The feed runs while there is at least one subscriber, so an idle server reads nothing. Subscribers whose token is revoked or
 * expires are ended. It knows no GraphQL.
 */
import type { Db } from "../../db/client.ts";
import { findValidTokenIds } from "../../db/queries/admin/tokens.ts";
import { type BoundedQueue, createBoundedQueue } from "./bounded-queue.ts";
import { type ChangeConsumer, type ChangeFeed, type ChangeFeedDeps, startChangeFeed } from "./change-feed.ts";
import { createSubscribers, type SharedChange, type Subscribers, type Subscription } from "./subscribers.ts";
import {
  MAX_SUBSCRIBERS,
  PositionLostError,
  ShuttingDownError,
  TokenEndedError,
  TooManySubscribersError,
} from "./subscription-errors.ts";
import { forEachYielding } from "./yielding-loop.ts";

export interface Subscriber {
  readonly queue: BoundedQueue<SharedChange>;
  unsubscribe(): void;
}

export interface ActivityHub {
  /**
   * Once it resolves, every later change that matches is put into the subscriber's queue, as long as its token is valid.
   *
   * @throws {TooManySubscribersError}
   */
  subscribe(subscription: Subscription): Promise<Subscriber>;
  /** Ends all subscribers and stops the feed. */
  close(): Promise<void>;
}

export interface ActivityHubDeps extends ChangeFeedDeps {
  /** Time between two checks of the subscribers' tokens, in milliseconds; `TOKEN_CHECK_MS` by default. */
  readonly tokenCheckMs?: number;
}

/** Subscribers served before the event loop gets its turn: about a millisecond of work. */
const SUBSCRIBERS_PER_BATCH = 10;
/** How long a revoked or expired token may still receive events, in milliseconds. */
const TOKEN_CHECK_MS = 10_000;

export function createActivityHub(deps: ActivityHubDeps): ActivityHub {
  const subscribers = createSubscribers();
  const feed = createFeedSwitch(deps, {
    publish: (changes) => deliver(subscribers, changes),
    afterPoll: createTokenCheck(deps, subscribers),
    onPositionLost: () => subscribers.failAll(new PositionLostError()),
  });
  let isClosed = false;

  const remove = (queue: BoundedQueue<SharedChange>) => {
    if (subscribers.delete(queue) && subscribers.subscriptions.size === 0) feed.stop();
  };
  return {
    async subscribe(subscription) {
      if (isClosed) throw new ShuttingDownError();
      if (subscribers.subscriptions.size >= MAX_SUBSCRIBERS) throw new TooManySubscribersError();
      // A subscriber that failed gets nothing more. It frees its place even before its client has read the error.
      const queue = createBoundedQueue<SharedChange>(() => remove(queue));
      const unsubscribe = () => {
        queue.close();
        remove(queue);
      };
      subscribers.add(queue, subscription);
      try {
        await feed.start();
      } catch (error) {
        unsubscribe();
        throw error;
      }
      return { queue, unsubscribe };
    },
    async close() {
      isClosed = true;
      feed.stop();
      subscribers.failAll(new ShuttingDownError());
      await feed.whenStopped();
    },
  };
}

/** Yields between subscribers, so that the first ones get their events before the last ones are served. */
function deliver(subscribers: Subscribers, changes: readonly SharedChange[]): Promise<void> {
  return forEachYielding(subscribers.match(changes), SUBSCRIBERS_PER_BATCH, ([queue, matching]) => {
    for (const change of matching) queue.put(change);
  });
}

/** Starts one feed at a time. A feed that was stopped is never used again: the next start makes a new one. */
function createFeedSwitch(deps: ChangeFeedDeps, consumer: ChangeConsumer) {
  let current: Promise<ChangeFeed> | null = null;
  let stopped = Promise.resolve();
  return {
    /** Resolves when the feed runs. */
    async start() {
      current ??= startChangeFeed(deps, consumer);
      await current;
    },
    stop() {
      // A feed that could not start has nothing to stop; its subscribers got the error.
      const stopping = current?.then(
        (feed) => feed.stop(),
        () => undefined,
      );
      current = null;
      const onError = (error: unknown) => deps.logger.warn({ err: error }, "could not stop listening for subscribers");
      stopped = Promise.all([stopped, stopping?.catch(onError)]).then(() => undefined);
    },
    whenStopped: () => stopped,
  };
}

/** Returns a function that ends the subscribers without a valid token. It asks the database at most once in `tokenCheckMs`. */
function createTokenCheck(
  { db, tokenCheckMs = TOKEN_CHECK_MS }: { readonly db: Db; readonly tokenCheckMs?: number },
  { subscriptions }: Subscribers,
): () => Promise<void> {
  let checkedAt = performance.now();
  return async () => {
    if (performance.now() - checkedAt < tokenCheckMs) return;
    checkedAt = performance.now();
    const ids = new Set([...subscriptions.values()].flatMap(({ tokenId }) => tokenId ?? []));
    if (ids.size === 0) return;
    const validIds = new Set(await findValidTokenIds(db, [...ids]));
    for (const [queue, { tokenId }] of subscriptions) {
      if (tokenId !== null && ids.has(tokenId) && !validIds.has(tokenId)) queue.fail(new TokenEndedError());
    }
  };
}
