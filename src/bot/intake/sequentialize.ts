/**
 * One batch of updates, worked on side by side: what happens in one chat strictly in Telegram's order, chats beside each
 * other. It knows of an update only where it happened.
 */
import type { Update } from "grammy/types";

/** Chats that are worked on at once: as many as the pool of what comes in has connections (`app.ts`). More would only wait. */
const MAX_CHATS_AT_ONCE = 12;

/**
 * Hands every update to `processUpdate`, which answers whether it may be confirmed; after a no, the rest of its chat is left.
 *
 * @returns how many from the first on may be confirmed: one that may not holds back those behind it, whatever their chat.
 */
export async function sequentialize(
  updates: readonly Update[],
  processUpdate: (update: Update) => Promise<boolean>,
): Promise<number> {
  const done = new Set<Update>();
  const queues = [...queuesOf(updates).values()];
  const work = async () => {
    for (let queue = queues.shift(); queue; queue = queues.shift()) {
      for (const update of queue) {
        if (!(await processUpdate(update))) break;
        done.add(update);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_CHATS_AT_ONCE, queues.length) }, work));
  const firstLeft = updates.findIndex((update) => !done.has(update));
  return firstLeft < 0 ? updates.length : firstLeft;
}

/** The updates of each chat; those of no chat are together, as if they had one. */
function queuesOf(updates: readonly Update[]): Map<number | undefined, Update[]> {
  const sameAs = migrationsIn(updates);
  return Map.groupBy(updates, (update) => {
    const chatId = chatIdOf(update);
    return sameAs.get(chatId) ?? chatId;
  });
}

/** A group that becomes a supergroup stays one chat: what is written there comes after what was written before. */
function migrationsIn(updates: readonly Update[]): Map<number | undefined, number> {
  return new Map(
    updates.flatMap(({ message }) => {
      if (!message?.chat) return [];
      if (message.migrate_to_chat_id !== undefined) return [[message.migrate_to_chat_id, message.chat.id] as const];
      if (message.migrate_from_chat_id !== undefined) return [[message.chat.id, message.migrate_from_chat_id] as const];
      return [];
    }),
  );
}

function chatIdOf({ message, edited_message: edited, callback_query: press }: Update): number | undefined {
  return (message ?? edited ?? press?.message)?.chat?.id;
}
