/**
 * Processes a batch of updates concurrently: within a chat strictly in Telegram's order, different chats at the same time. Of
 * an update it reads only the chat.
 */
import type { Update } from "grammy/types";

/** Chats at the same time: as many as the intake pool has connections (`app/parts.ts`). More would only wait. */
const MAX_CONCURRENT_CHATS = 12;

/**
 * Passes every update to `processUpdate`, which returns whether it may be confirmed. After a false, the rest of its chat is
 * skipped.
 *
 * @returns how many updates from the start may be confirmed: one that may not also blocks all later ones, of any chat.
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
  await Promise.all(Array.from({ length: Math.min(MAX_CONCURRENT_CHATS, queues.length) }, work));
  const firstLeft = updates.findIndex((update) => !done.has(update));
  return firstLeft < 0 ? updates.length : firstLeft;
}

/** The updates by chat; those without a chat form one queue. */
function queuesOf(updates: readonly Update[]): Map<number | undefined, Update[]> {
  const oldIds = migrationsIn(updates);
  return Map.groupBy(updates, (update) => {
    const chatId = chatIdOf(update);
    return oldIds.get(chatId) ?? chatId;
  });
}

/** New chat id -> old chat id. A group that becomes a supergroup stays one chat, so that its messages stay in order. */
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
