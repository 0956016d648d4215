/**
 * Who follows on this process, and who of them gets what.
 *
 * Those who follow the same are kept together, so that a change costs as much as it has followers, however many others there
 * are. It reads nothing and waits for nobody.
 */
import type { ActivityScope, Change, ChangeKind } from "../../db/queries/admin/changes.ts";
import type { Snapshot } from "../../db/snapshot.ts";
import type { BoundedQueue } from "./bounded-queue.ts";
import type { Kept } from "./memo.ts";

/** A change as all followers of the process get it. */
export interface SharedChange {
  readonly change: Change;
  /** What was known before this change's page was read: who has seen less than that must look at `page`. */
  readonly seen: Snapshot;
  /** The snapshot that the page was read from; `endsPage`: with this change all of it is known. */
  readonly page: Snapshot;
  readonly endsPage: boolean;
  /** For those who have seen `seen`: where they stand after it. */
  readonly cursor: string;
  readonly kept: Kept;
  /** The same for all changes that were read at once. */
  readonly keptOfRead: Kept;
}

/** What one of them follows. */
export interface Wish {
  readonly scope: ActivityScope;
  /** Null: of all kinds. */
  readonly kinds: ReadonlySet<ChangeKind> | null;
  /** The row's id of the token under which they do; null for the configured one. */
  readonly tokenId: string | null;
}

type ActivityInbox = BoundedQueue<SharedChange>;

export interface Subscribers {
  readonly wishes: ReadonlyMap<ActivityInbox, Wish>;
  add(queue: ActivityInbox, wish: Wish): void;
  /** Whether it was there. */
  delete(queue: ActivityInbox): boolean;
  /** Each of them that wants some of these changes, with those, in their order; whoever comes or goes meanwhile is heeded. */
  wanting(changes: readonly SharedChange[]): Iterable<readonly [ActivityInbox, readonly SharedChange[]]>;
}

/** Of those who follow all. */
const ALL = "all";

export function createSubscribers(): Subscribers {
  const wishes = new Map<ActivityInbox, Wish>();
  /** By what they follow: a thread's id, a chat's, or all. */
  const audiences = new Map<string, Set<ActivityInbox>>();
  return {
    wishes,
    add(queue, wish) {
      wishes.set(queue, wish);
      const key = audienceOf(wish);
      const audience = audiences.get(key) ?? new Set();
      audiences.set(key, audience.add(queue));
    },
    delete(queue) {
      const wish = wishes.get(queue);
      if (!wish) return false;
      wishes.delete(queue);
      const key = audienceOf(wish);
      const audience = audiences.get(key);
      audience?.delete(queue);
      if (audience?.size === 0) audiences.delete(key);
      return true;
    },
    *wanting(changes) {
      const inThreads = Map.groupBy(changes, ({ change }) => change.thread.id);
      const inChats = Map.groupBy(changes, ({ change }) => change.thread.chatId);
      for (const [key, wanted] of [[ALL, changes] as const, ...inThreads, ...inChats]) {
        for (const queue of audiences.get(key) ?? []) yield [queue, wantedBy(wishes.get(queue), wanted)];
      }
    },
  };
}

function audienceOf({ scope: { threadId, chatId } }: Wish): string {
  return threadId ?? chatId ?? ALL;
}

function wantedBy(wish: Wish | undefined, changes: readonly SharedChange[]): readonly SharedChange[] {
  const { scope: { threadId, chatId } = {}, kinds = null } = wish ?? {};
  // A thread of another chat than the one that is followed too has nothing for whoever asks for both.
  const isOfOneScope = threadId === undefined || chatId === undefined;
  if (isOfOneScope && kinds === null) return changes;
  return changes.filter(({ change: { thread, kind } }) => {
    return (isOfOneScope || thread.chatId === chatId) && (kinds === null || kinds.has(kind));
  });
}
