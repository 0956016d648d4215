/** Numbers for the sandbox's stand-in of Telegram, which begins anew with each start. */
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { chats, messages, replies, threads, updatesSeen } from "../../schema/index.ts";

/**
 * A number above those of all updates and messages that are stored for this bot, whatever the clocks said meanwhile: an update
 * with a number that was seen before would not be answered.
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
