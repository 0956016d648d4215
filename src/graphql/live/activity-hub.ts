/**
 * One look at the database for all subscribers of this process.
 *
 * A notice of any process, or a second without one, says "look again": what the last snapshot did not show is read once and
 * handed to whoever follows its thread, its chat, or all. It reads nothing while nobody follows. It knows no GraphQL.
 */
import type { Db } from "../../db/client.ts";
import type { Listener, NoticeHandler } from "../../db/notify/notify.ts";
import { findNews, findSnapshot, type News, UnknownPlaceError } from "../../db/queries/admin/activity.ts";
import type { ActivityPlace } from "../../db/queries/admin/changes.ts";
import { findValidTokenIds } from "../../db/queries/admin/tokens.ts";
import type { Snapshot } from "../../db/snapshot.ts";
import type { AppError } from "../../errors.ts";
import type { Logger } from "../../observability/logger.ts";
import { encodePlace } from "./activity-cursor.ts";
import { type BoundedQueue, createBoundedQueue } from "./bounded-queue.ts";
import {
  FollowingEndedError,
  MAX_SUBSCRIBERS,
  PlaceLostError,
  TokenEndedError,
  TooManySubscribersError,
} from "./subscription-errors.ts";
import type { Kept } from "./memo.ts";
import { createSubscribers, type SharedChange, type Wish } from "./subscribers.ts";
import { forEachYielding } from "./yielding-loop.ts";

export interface Follower {
  readonly queue: BoundedQueue<SharedChange>;
  leave(): void;
}

export interface ActivityHub {
  /**
   * From the moment it resolves, all that is news and wished for is put into the follower's inbox, as long as their token is
   * valid. @throws {TooManySubscribersError}
   */
  follow(wish: Wish): Promise<Follower>;
  /** Ends all followers, and what it holds. */
  close(): Promise<void>;
}

export interface ActivityHubDeps {
  readonly db: Db;
  /** Of which side its followers hear: see `ApiEnvironment.sandbox`. */
  readonly sandbox: boolean;
  /** Hears the notices of all processes. */
  readonly listen: (handler: NoticeHandler) => Promise<Listener>;
  readonly logger: Pick<Logger, "warn">;
  /** How often the followers' tokens are looked at, in milliseconds; `TOKEN_CHECK_MS` when left out. */
  readonly tokenCheckMs?: number;
}

/** Changes that are read at once. */
const PAGE_SIZE = 500;
/** Subscribers who get what is new before anything else is done: a millisecond's work. The first then need not wait for the last. */
const FOLLOWERS_PER_TURN = 10;
/** Pause between two looks, in milliseconds: what happens meanwhile is read together. */
const LOOK_GAP_MS = 5;
/** A look without a notice, in milliseconds: for what was changed without one, and for a notice that was lost. */
const IDLE_LOOK_MS = 1_000;
/** How long a token that was revoked, or has expired, may go on to follow, in milliseconds. */
const TOKEN_CHECK_MS = 10_000;

interface Watch {
  place: ActivityPlace;
  readonly listener: Listener;
  readonly timer: NodeJS.Timeout;
}

export function createActivityHub(deps: ActivityHubDeps): ActivityHub {
  const { db, sandbox, listen, logger, tokenCheckMs = TOKEN_CHECK_MS } = deps;
  const followers = createSubscribers();
  let tokensCheckedAt = performance.now();
  let watching: Promise<Watch> | null = null;
  let isClosed = false;
  let reading: Promise<void> | null = null;
  let isAsked = false;

  const look = () => {
    isAsked = true;
    reading ??= readWhileAsked().finally(() => {
      reading = null;
      // Asked between the last look and now.
      if (isAsked) look();
    });
  };

  const readWhileAsked = async () => {
    while (isAsked && watching) {
      isAsked = false;
      const own = watching;
      try {
        await readNews(own);
        await checkTokens();
      } catch (error) {
        if (error instanceof UnknownPlaceError) {
          // With its followers the watch ends, and its place: the next to follow begins another, where the database is now.
          if (watching === own) endAll(new PlaceLostError());
          return;
        }
        // The next look, a second later, reads what this one would have.
        logger.warn({ err: error }, "could not read what is new for the subscribers of the admin API");
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_GAP_MS));
    }
    isAsked = false;
  };

  const readNews = async (own: Promise<Watch>) => {
    const watch = await own;
    for (let isWhole = false; !isWhole; ) {
      const news = await findNews(db, watch.place, { scope: { sandbox }, limit: PAGE_SIZE });
      // All have left meanwhile, and whoever came since is served by another watch.
      if (watching !== own) return;
      await forEachYielding(
        followers.wanting(share(watch.place.seen, news)),
        FOLLOWERS_PER_TURN,
        ([queue, changes]) => {
          for (const change of changes) queue.put(change);
        },
      );
      watch.place = placeAfter(watch.place, news);
      isWhole = news.isWhole;
    }
  };

  const checkTokens = async () => {
    if (performance.now() - tokensCheckedAt < tokenCheckMs) return;
    tokensCheckedAt = performance.now();
    const ids = new Set([...followers.wishes.values()].flatMap(({ tokenId }) => tokenId ?? []));
    if (ids.size === 0) return;
    const valid = new Set(await findValidTokenIds(db, [...ids]));
    for (const [queue, { tokenId }] of followers.wishes) {
      if (tokenId !== null && ids.has(tokenId) && !valid.has(tokenId)) queue.fail(new TokenEndedError());
    }
  };

  const watch = async (): Promise<Watch> => {
    // Until the place is known there is nothing to look for.
    const listener = await listen({ onNotice: look, onGap: look });
    try {
      const place = { seen: await findSnapshot(db) };
      return { place, listener, timer: setInterval(look, IDLE_LOOK_MS).unref() };
    } catch (error) {
      await listener.close();
      throw error;
    }
  };

  const rest = async () => {
    const was = watching;
    watching = null;
    // A watch that never began: whoever asked to follow has been told why.
    const watched = await was?.catch(() => null);
    if (!watched) return;
    clearInterval(watched.timer);
    await watched.listener.close();
  };

  const forget = (queue: BoundedQueue<SharedChange>) => {
    if (followers.delete(queue) && followers.wishes.size === 0) {
      rest().catch((error: unknown) => logger.warn({ err: error }, "could not stop listening for subscribers"));
    }
  };

  const leave = (queue: BoundedQueue<SharedChange>) => {
    queue.close();
    forget(queue);
  };

  const endAll = (error: AppError) => {
    for (const queue of followers.wishes.keys()) queue.fail(error);
  };

  return {
    async follow(wish) {
      if (isClosed) throw new FollowingEndedError();
      if (followers.wishes.size >= MAX_SUBSCRIBERS) throw new TooManySubscribersError();
      // One that failed gets nothing more: it takes no place until its client has read why.
      const queue = createBoundedQueue<SharedChange>(() => forget(queue));
      followers.add(queue, wish);
      watching ??= watch();
      try {
        await watching;
      } catch (error) {
        leave(queue);
        throw error;
      }
      return { queue, leave: () => leave(queue) };
    },
    async close() {
      isClosed = true;
      const resting = rest();
      endAll(new FollowingEndedError());
      await resting;
      await reading;
    },
  };
}

/** Where whoever stood at `place` stands once they have read this. */
export function placeAfter(place: ActivityPlace, { snapshot, changes, isWhole }: News): ActivityPlace {
  const last = changes.at(-1);
  if (isWhole || !last) return { seen: snapshot };
  return { seen: place.seen, page: { snapshot, key: last.key } };
}

function share(seen: Snapshot, { snapshot, changes, isWhole }: News): SharedChange[] {
  const keptOfRead: Kept = new Map();
  return changes.map((change, index) => {
    const endsPage = isWhole && index === changes.length - 1;
    const place = endsPage ? { seen: snapshot } : { seen, page: { snapshot, key: change.key } };
    return { change, seen, page: snapshot, endsPage, cursor: encodePlace(place), kept: new Map(), keptOfRead };
  });
}
