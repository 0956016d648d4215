/**
 * One subscriber: what they missed, then what happens, each once.
 *
 * It waits at the hub before it reads what was missed, so that between the two nothing is lost; what the reading has shown
 * already is known by its snapshot, and left out of what the hub brings.
 */
import type { Db } from "../../db/client.ts";
import { findNews, findNow, type ReplyInProgress } from "../../db/queries/admin/activity.ts";
import type { ActivityPlace, ActivityScope, Change, ChangeKind } from "../../db/queries/admin/changes.ts";
import { covers, type Snapshot, shows } from "../../db/snapshot.ts";
import { decodePlace, encodePlace } from "./activity-cursor.ts";
import { type ActivityHub, type Follower, placeAfter } from "./activity-hub.ts";
import type { Kept } from "./memo.ts";
import type { SharedChange } from "./subscribers.ts";

/** The first event of whoever begins without a cursor. */
export interface ActivityBegun {
  readonly kind: "begun";
  readonly scope: ActivityScope;
  readonly repliesInProgress: readonly ReplyInProgress[];
}

export interface ActivityEvent {
  readonly change: Change | ActivityBegun;
  /** Where the subscriber stands after it. */
  readonly cursor: string;
  /** What was worked out for this event. */
  readonly kept: Kept;
  /** The same for events that were read at once: what is loaded for one of them serves all. */
  readonly keptOfRead: Kept;
}

export interface FollowRequest {
  readonly scope: ActivityScope;
  /** Of the subscriber's token; null for the configured one. */
  readonly tokenId: string | null;
  /** Null: of all kinds. */
  readonly kinds: ReadonlySet<ChangeKind> | null;
  /** The cursor of the last event that the client has; null for one that begins. */
  readonly after: string | null;
}

/** Changes that are read at once by who comes back: each may hold a long answer. */
const CATCH_UP_PAGE_SIZE = 200;

/**
 * What follows after `after`, without end. `return()` ends it at any time, also while it waits. One `next()` at a time.
 *
 * Not a generator: it would hear of its return only when it goes on. And whoever waits, waits for seconds: a thousand with some
 * promises and suspended functions each are what the collector of garbage is busy with, so that there are as few as can be.
 *
 * @throws {BadInputError} for a cursor that is none of ours; SubscriberTooSlowError while it runs.
 */
export async function followActivity(
  db: Db,
  hub: ActivityHub,
  request: FollowRequest,
): Promise<AsyncIterable<ActivityEvent>> {
  const { scope, kinds, after, tokenId } = request;
  const place = after === null ? null : decodePlace(after);
  const follower = await hub.follow({ scope, kinds, tokenId });
  const earlier = place ? findMissed(db, scope, place) : findBegun(db, scope);
  let later: (() => Promise<Next>) | undefined;
  const nextOfEarlier = async (): Promise<Next> => {
    try {
      for (let next = await earlier.next(); ; next = await earlier.next()) {
        if (!next.done) {
          const { kind } = next.value.change;
          if (kinds === null || kind === "begun" || kinds.has(kind)) return next;
        } else if (next.value) {
          later = listenTo(follower, next.value);
          return later();
        } else return END;
      }
    } catch (error) {
      follower.leave();
      throw error;
    }
  };
  const iterator: AsyncIterator<ActivityEvent, undefined> = {
    next: () => later?.() ?? nextOfEarlier(),
    async return() {
      follower.leave();
      await earlier.return(undefined);
      return END;
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

type Next = IteratorResult<ActivityEvent, undefined>;
const END: Next & { done: true } = { done: true, value: undefined };

/** What there is to tell before anything else happens; it returns what is known then, undefined when it was ended before. */
type Earlier = AsyncGenerator<ActivityEvent, Snapshot | undefined>;

async function* findBegun(db: Db, scope: ActivityScope): Earlier {
  const { snapshot, repliesInProgress } = await findNow(db, scope);
  yield {
    change: { kind: "begun", scope, repliesInProgress },
    cursor: encodePlace({ seen: snapshot }),
    kept: new Map(),
    keptOfRead: new Map(),
  };
  return snapshot;
}

async function* findMissed(db: Db, scope: ActivityScope, from: ActivityPlace): Earlier {
  for (let place = from; ; ) {
    // Whether this look, once it is whole, shows all that there is: a page that was begun long ago does not.
    const isOfNow = place.page === undefined;
    const news = await findNews(db, place, { scope, limit: CATCH_UP_PAGE_SIZE });
    yield* missed(place, news.changes, news.isWhole ? news.snapshot : null, news.snapshot);
    if (isOfNow && news.isWhole) return news.snapshot;
    place = placeAfter(place, news);
  }
}

function* missed(
  { seen }: ActivityPlace,
  changes: readonly Change[],
  whole: Snapshot | null,
  snapshot: Snapshot,
): Generator<ActivityEvent> {
  const keptOfRead: Kept = new Map();
  const joined = joinTexts(changes);
  for (const [index, change] of joined.entries()) {
    const isLast = index === joined.length - 1;
    const place = isLast && whole ? { seen: whole } : { seen, page: { snapshot, key: change.key } };
    yield { change, cursor: encodePlace(place), kept: new Map(), keptOfRead };
  }
}

/** What an answer grew by while nobody was here, in one piece where nothing else happened in between. */
function joinTexts(changes: readonly Change[]): Change[] {
  const joined: Change[] = [];
  for (const change of changes) {
    const last = joined.at(-1);
    if (change.kind === "text" && last?.kind === "text" && follows(last, change)) {
      // Under the key of the last piece, which is where whoever got it stands; the text begins where the first did.
      joined.splice(-1, 1, { ...change, from: last.from, delta: last.delta + change.delta });
    } else joined.push(change);
  }
  return joined;
}

function follows(last: Change & { kind: "text" }, next: Change & { kind: "text" }): boolean {
  return last.run.id === next.run.id && last.from + last.delta.length === next.from;
}

/** What the hub brings from now on, but for what `known` shows. */
function listenTo({ queue }: Follower, known: Snapshot): () => Promise<Next> {
  let seen = known;
  let isInStep = false;
  /** As this subscriber gets it; null for what they know. */
  const toOwn = (shared: SharedChange): ActivityEvent | null => {
    // From a page on that was read beyond all that this subscriber knows, the hub's cursors are theirs.
    isInStep ||= covers(shared.seen, seen);
    if (isInStep) return shared;
    const isNews = !shows(seen, shared.change.key.changedIn);
    const own = isNews ? { ...shared, cursor: ownCursor(seen, shared), kept: new Map() } : null;
    if (shared.endsPage && covers(shared.page, seen)) seen = shared.page;
    return own;
  };
  const tell = (shared: SharedChange | undefined): Next | Promise<Next> => {
    if (!shared) return END;
    const value = toOwn(shared);
    return value ? { done: false, value } : next();
  };
  const next = () => queue.take().then(tell);
  return next;
}

function ownCursor(seen: Snapshot, { change, page, endsPage }: SharedChange): string {
  return encodePlace(endsPage ? { seen: page } : { seen, page: { snapshot: page, key: change.key } });
}
