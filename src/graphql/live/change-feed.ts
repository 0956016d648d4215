/**
 * Reads the changes of the database as they are committed, once for all subscribers of this process.
 *
 * A notification from any process, or one second without one, triggers a poll. A poll reads all changes that the last snapshot does
 * not show, page by page.
 */
import type { Db } from "../../db/client.ts";
import type { Listener, NotificationHandler } from "../../db/notify/notify.ts";
import {
  type ChangePage,
  findChangePage,
  findSnapshot,
  positionAfter,
  UnknownPositionError,
} from "../../db/queries/admin/activity.ts";
import type { ActivityPosition } from "../../db/queries/admin/changes.ts";
import type { Snapshot } from "../../db/snapshot.ts";
import type { Logger } from "../../observability/logger.ts";
import { cursorAfter } from "./activity-cursor.ts";
import type { Memo } from "./memo.ts";
import type { SharedChange } from "./subscribers.ts";

export interface ChangeFeedDeps {
  readonly db: Db;
  /** Which environment is read: see `ApiEnvironment.sandbox`. */
  readonly sandbox: boolean;
  /** Listens to the notifications of all processes. */
  readonly listen: (handler: NotificationHandler) => Promise<Listener>;
  readonly logger: Pick<Logger, "warn">;
}

export interface ChangeConsumer {
  /** Called with one page after the other. The next page is read when this resolves. */
  publish(changes: readonly SharedChange[]): Promise<void>;
  /** Called after each successful poll. */
  afterPoll(): Promise<void>;
  /** The database is behind the position of this feed. The feed is useless from now on: stop it. */
  onPositionLost(): void;
}

export interface ChangeFeed {
  /** No further page is published after this call. Resolves when the last statement has ended. */
  stop(): Promise<void>;
}

/** Changes per page. */
const PAGE_SIZE = 500;
/** Pause between two polls, in milliseconds: changes within it are read together. */
const POLL_GAP_MS = 5;
/** Time between two polls without a notification, in milliseconds: finds changes that sent none, or whose notification was lost. */
const IDLE_POLL_MS = 1_000;

/** Starts at the current state of the database. Rejects if the database cannot be reached. */
export async function startChangeFeed(deps: ChangeFeedDeps, consumer: ChangeConsumer): Promise<ChangeFeed> {
  const { db, listen, logger } = deps;
  const feed: FeedState = { position: null, isStopped: false };
  const poller = createPoller(async () => {
    try {
      await publishPages(deps, feed, consumer);
    } catch (error) {
      // The next poll reads what this one could not.
      if (!(error instanceof UnknownPositionError)) {
        logger.warn({ err: error }, "could not read the changes for subscribers of the admin API");
      } else if (!feed.isStopped) consumer.onPositionLost();
    }
  });
  const listener = await listen({ onNotification: poller.trigger, onGap: poller.trigger });
  try {
    feed.position = { seen: await findSnapshot(db) };
  } catch (error) {
    await listener.close();
    throw error;
  }
  // For notifications that came before the position was known.
  poller.trigger();
  const timer = setInterval(poller.trigger, IDLE_POLL_MS).unref();
  return {
    async stop() {
      feed.isStopped = true;
      clearInterval(timer);
      await listener.close();
      await poller.whenIdle();
    },
  };
}

interface FeedState {
  /** Null until the first snapshot is read. */
  position: ActivityPosition | null;
  isStopped: boolean;
}

/** Publishes all changes after the position, and moves the position after each page. */
async function publishPages({ db, sandbox }: ChangeFeedDeps, feed: FeedState, consumer: ChangeConsumer): Promise<void> {
  for (let isLast = false; !isLast; ) {
    const { position } = feed;
    if (!position || feed.isStopped) return;
    const page = await findChangePage(db, position, { scope: { sandbox }, limit: PAGE_SIZE });
    if (feed.isStopped) return;
    await consumer.publish(shareChanges(position.seen, page));
    feed.position = positionAfter(position, page);
    isLast = page.isLast;
  }
  await consumer.afterPoll();
}

/** Runs one poll at a time. All triggers during a poll cause one more. `poll` must not reject. */
function createPoller(poll: () => Promise<void>) {
  let isTriggered = false;
  let running: Promise<void> | null = null;
  const run = async () => {
    while (isTriggered) {
      isTriggered = false;
      await poll();
      await new Promise((resolve) => setTimeout(resolve, POLL_GAP_MS));
    }
    running = null;
  };
  return {
    trigger() {
      isTriggered = true;
      running ??= run();
    },
    async whenIdle() {
      await running;
    },
  };
}

function shareChanges(seen: Snapshot, { snapshot: page, changes, isLast }: ChangePage): SharedChange[] {
  const pageMemo: Memo = new Map();
  return changes.map((change, index) => {
    const paged = { change, seen, page, endsPage: isLast && index === changes.length - 1 };
    return { ...paged, cursor: cursorAfter(paged), memo: new Map(), pageMemo };
  });
}
