/**
 * The source stream of one subscription: first what the client missed, then changes as they happen, each exactly once.
 *
 * It joins the hub before it reads the database, so that no change is lost in between. Changes that the first read has already
 * shown are recognized by its snapshot and skipped.
 */
import type { Db } from "../../db/client.ts";
import {
  findActivityStart,
  findChangePage,
  positionAfter,
  type ReplyInProgress,
} from "../../db/queries/admin/activity.ts";
import type { ActivityPosition, ActivityScope, Change, ChangeKind } from "../../db/queries/admin/changes.ts";
import { covers, type Snapshot, shows } from "../../db/snapshot.ts";
import { cursorAfter, decodePosition, encodePosition } from "./activity-cursor.ts";
import type { ActivityHub, Subscriber } from "./activity-hub.ts";
import type { Memo } from "./memo.ts";
import type { SharedChange, Subscription } from "./subscribers.ts";

/** The first event of a subscription without a cursor. */
export interface ActivityStarted {
  readonly kind: "started";
  readonly scope: ActivityScope;
  readonly repliesInProgress: readonly ReplyInProgress[];
}

export interface ActivityEvent {
  readonly change: Change | ActivityStarted;
  /** Where the client continues after this event. */
  readonly cursor: string;
  /** Values computed for this event. */
  readonly memo: Memo;
  /** One memo for all events that were read together: rows loaded for one of them serve the others. */
  readonly pageMemo: Memo;
}

export interface SourceStreamRequest extends Subscription {
  /** The cursor of the client's last event; null to start now. */
  readonly after: string | null;
}

/** Missed changes per page. Each may hold a long answer. */
const MISSED_PAGE_SIZE = 200;

/**
 * All events after the cursor `after`, without an end. `return()` ends the stream at any time, even while `next()` is pending.
 * Call `next()` again only after the last call has settled.
 *
 * This is not a generator: `return()` would wait for the pending `next()`. Also, a subscriber waits for seconds at a time. A few
 * promises and suspended functions each, times a thousand, would keep the garbage collector busy.
 *
 * @throws {BadInputError} for a cursor that is not ours. The stream may throw SubscriberTooSlowError.
 */
export async function createSourceStream(
  db: Db,
  hub: ActivityHub,
  { after, ...subscription }: SourceStreamRequest,
): Promise<AsyncIterable<ActivityEvent>> {
  const position = after === null ? null : decodePosition(after);
  const subscriber = await hub.subscribe(subscription);
  let isEnded = false;
  const backlog = position ? readMissed(db, subscription, position, () => isEnded) : readStart(db, subscription);
  let nextLive: (() => Promise<Next>) | undefined;
  const nextOfBacklog = async (): Promise<Next> => {
    try {
      const next = await backlog.next();
      if (!next.done) return next;
      if (!next.value) return END;
      nextLive = readLive(subscriber, next.value);
    } catch (error) {
      subscriber.unsubscribe();
      throw error;
    }
    return nextLive();
  };
  const iterator: AsyncIterator<ActivityEvent, undefined> = {
    next: () => nextLive?.() ?? nextOfBacklog(),
    async return() {
      isEnded = true;
      subscriber.unsubscribe();
      await backlog.return(undefined);
      return END;
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

type Next = IteratorResult<ActivityEvent, undefined>;
const END: Next & { done: true } = { done: true, value: undefined };

/** The events before the live ones. Returns the snapshot that they lead up to, or undefined if the stream was ended. */
type Backlog = AsyncGenerator<ActivityEvent, Snapshot | undefined>;

async function* readStart(db: Db, { scope }: Subscription): Backlog {
  const { snapshot, repliesInProgress } = await findActivityStart(db, scope);
  const change: ActivityStarted = { kind: "started", scope, repliesInProgress };
  yield { change, cursor: encodePosition({ seen: snapshot }), memo: new Map(), pageMemo: new Map() };
  return snapshot;
}

async function* readMissed(
  db: Db,
  { scope, kinds }: Subscription,
  from: ActivityPosition,
  isEnded: () => boolean,
): Backlog {
  for (let position = from; !isEnded(); ) {
    // An old page is completed in its own snapshot. Newer changes follow with the next page.
    const isCurrent = position.page === undefined;
    const page = await findChangePage(db, position, { scope, limit: MISSED_PAGE_SIZE });
    const changes = joinTexts(page.changes);
    const pageMemo: Memo = new Map();
    for (const change of changes) {
      const endsPage = page.isLast && change === changes.at(-1);
      const cursor = cursorAfter({ change, seen: position.seen, page: page.snapshot, endsPage });
      if (isWanted(change.kind, kinds)) yield { change, cursor, memo: new Map(), pageMemo };
    }
    if (isCurrent && page.isLast) return page.snapshot;
    position = positionAfter(position, page);
  }
  return undefined;
}

function isWanted(kind: ChangeKind, kinds: Subscription["kinds"]): boolean {
  return kinds === null || kinds.has(kind);
}

/** Joins pieces of one answer that follow each other with nothing in between. */
function joinTexts(changes: readonly Change[]): Change[] {
  const joined: Change[] = [];
  for (const change of changes) {
    const last = joined.at(-1);
    if (change.kind === "text" && last?.kind === "text" && isContinuation(last, change)) {
      // The text of both, under the key of the last piece: the client's cursor must lead behind it.
      joined.splice(-1, 1, { ...change, from: last.from, delta: last.delta + change.delta });
    } else joined.push(change);
  }
  return joined;
}

function isContinuation(last: Change & { kind: "text" }, next: Change & { kind: "text" }): boolean {
  return last.run.id === next.run.id && last.from + last.delta.length === next.from;
}

/** Reads the changes that the hub delivers, without those that the snapshot `known` shows. */
function readLive({ queue }: Subscriber, known: Snapshot): () => Promise<Next> {
  let seen = known;
  let isInStep = false;
  /** The event for this subscriber; null for a change that it has seen. */
  const toEvent = (shared: SharedChange): ActivityEvent | null => {
    // Once the hub's pages start where this subscriber is, or later, the hub's cursors are valid for it.
    isInStep ||= covers(shared.seen, seen);
    if (isInStep) return shared;
    const isNew = !shows(seen, shared.change.key.changedIn);
    const event = isNew ? { ...shared, cursor: cursorAfter({ ...shared, seen }), memo: new Map() } : null;
    if (shared.endsPage && covers(shared.page, seen)) seen = shared.page;
    return event;
  };
  const toNext = (shared: SharedChange | undefined): Next | Promise<Next> => {
    if (!shared) return END;
    const value = toEvent(shared);
    return value ? { done: false, value } : next();
  };
  const next = () => queue.take().then(toNext);
  return next;
}
