/** Ids for the sandbox's Telegram, which forgets its own at each start. */
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { chats, messages, replies, threads, updatesSeen } from "../../schema/index.ts";

/**
 * An id above those of all stored updates and messages of this bot, also if the clock was set back. An update with a known
 * id would not be answered.
 */
export async function findFreeId(db: Db, botId: number): Promise<number> {
  const [row] = await db.execute<{ id: string }>(sql`select greatest(
    extract(epoch from now())::bigint, ${newestUpdate(botId)}, ${newestQuestion(botId)}, ${newestReply(botId)}) + 1 as id`);
  return Number(row?.id);
}

function newestUpdate(botId: number): SQL {
  return sql`(select max(${updatesSeen.updateId}) from ${updatesSeen} where ${updatesSeen.botId} = ${botId})`;
}

function newestQuestion(botId: number): SQL {
  return sql`(select max(${messages.telegramMessageId}) from ${messages}
    join ${threads} on ${threads.id} = ${messages.threadId} join ${chats} on ${chats.id} = ${threads.chatId}
    where ${chats.botId} = ${botId})`;
}

function newestReply(botId: number): SQL {
  return sql`(select max(page) from ${replies} join ${chats} on ${chats.id} = ${replies.chatId}
    cross join unnest(${replies.telegramMessageIds}) page where ${chats.botId} = ${botId})`;
}
