/**
 * The subscribers of this process, and which changes each of them gets.
 *
 * Subscribers of the same thread or chat form one group. So the work for a change grows with its own subscribers, not with all
 * of them. No I/O here.
 */
import type { ActivityScope, ChangeKind } from "../../db/queries/admin/changes.ts";
import type { AppError } from "../../errors.ts";
import type { PagedChange } from "./activity-cursor.ts";
import type { BoundedQueue } from "./bounded-queue.ts";
import type { Memo } from "./memo.ts";

/** A change as all subscribers of the process get it. A subscriber who has not seen all of `seen` must check it against `page`. */
export interface SharedChange extends PagedChange {
  /** The cursor after this change, for subscribers who have seen `seen`. */
  readonly cursor: string;
  readonly memo: Memo;
  /** One memo for all changes of a page. */
  readonly pageMemo: Memo;
}

/** What one client subscribes to. */
export interface Subscription {
  readonly scope: ActivityScope;
  /** Null for all kinds. */
  readonly kinds: ReadonlySet<ChangeKind> | null;
  /** The row id of the client's token; null for the configured token. */
  readonly tokenId: string | null;
}

type ChangeQueue = BoundedQueue<SharedChange>;

export interface Subscribers {
  readonly subscriptions: ReadonlyMap<ChangeQueue, Subscription>;
  add(queue: ChangeQueue, subscription: Subscription): void;
  /** Returns false if it was not there. */
  delete(queue: ChangeQueue): boolean;
  /** Ends all subscribers with this error. */
  failAll(error: AppError): void;
  /** The subscribers of these changes, each with its own changes in their order. They may come and go during the iteration. */
  match(changes: readonly SharedChange[]): Iterable<readonly [ChangeQueue, readonly SharedChange[]]>;
}

/** The group of subscribers without a thread or chat. */
const ALL = "all";

export function createSubscribers(): Subscribers {
  const subscriptions = new Map<ChangeQueue, Subscription>();
  /** By thread id, chat id or `ALL`. */
  const groups = new Map<string, Set<ChangeQueue>>();
  return {
    subscriptions,
    add(queue, subscription) {
      subscriptions.set(queue, subscription);
      const key = groupOf(subscription);
      const group = groups.get(key) ?? new Set();
      groups.set(key, group.add(queue));
    },
    delete(queue) {
      const subscription = subscriptions.get(queue);
      if (!subscription) return false;
      subscriptions.delete(queue);
      const key = groupOf(subscription);
      const group = groups.get(key);
      group?.delete(queue);
      if (group?.size === 0) groups.delete(key);
      return true;
    },
    failAll(error) {
      for (const queue of subscriptions.keys()) queue.fail(error);
    },
    *match(changes) {
      const byThread = Map.groupBy(changes, ({ change }) => change.thread.id);
      const byChat = Map.groupBy(changes, ({ change }) => change.thread.chatId);
      for (const [key, candidates] of [[ALL, changes] as const, ...byThread, ...byChat]) {
        for (const queue of groups.get(key) ?? []) yield [queue, filterFor(subscriptions.get(queue), candidates)];
      }
    },
  };
}

function groupOf({ scope: { threadId, chatId } }: Subscription): string {
  return threadId ?? chatId ?? ALL;
}

function filterFor(subscription: Subscription | undefined, changes: readonly SharedChange[]): readonly SharedChange[] {
  const { scope: { threadId, chatId } = {}, kinds = null } = subscription ?? {};
  // The group covers one of the two. With both, the thread must belong to the chat.
  const isCoveredByGroup = threadId === undefined || chatId === undefined;
  if (isCoveredByGroup && kinds === null) return changes;
  return changes.filter(({ change: { thread, kind } }) => {
    return (isCoveredByGroup || thread.chatId === chatId) && (kinds === null || kinds.has(kind));
  });
}
