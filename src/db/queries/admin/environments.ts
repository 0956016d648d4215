/**
 * The two sides of one database: the conversations with real bots, and those in the sandbox. Each query for admins is given
 * which of the two it reads (`sandbox`). Terminal chats (`npm run ask`) have no bot, and are on both.
 *
 * What real bots have is all but what the sandbox has: on a real database that is nothing, which an index says at once. The
 * subquery depends on no row, so that Postgres runs it once for a statement, and a list is still read in its index's order.
 */
import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { LARGEST_TELEGRAM_ID } from "../../../shop/telegram-ids.ts";
import { chats, threads } from "../../schema/index.ts";

/** It stands in the statement: a plan that is made once for all parameters then knows how few such chats are. */
const IN_SANDBOX = sql`${chats.botId} > ${sql.raw(String(LARGEST_TELEGRAM_ID))}`;
const IN_SANDBOX_OR_TERMINAL = sql`(${IN_SANDBOX} or ${chats.botId} is null)`;

/** That a chat, named by a column, is on this side. */
export function isChatOnSide(chatId: SQLWrapper, sandbox: boolean): SQL {
  const chatsWhere = (condition: SQL) => sql`(select ${chats.id} from ${chats} where ${condition})`;
  return sandbox
    ? sql`${chatId} in ${chatsWhere(IN_SANDBOX_OR_TERMINAL)}`
    : sql`${chatId} not in ${chatsWhere(IN_SANDBOX)}`;
}

/** That a thread, named by a column, is of a chat on this side. */
export function isThreadOnSide(threadId: SQLWrapper, sandbox: boolean): SQL {
  const threadsWhere = (condition: SQL) =>
    sql`(select ${threads.id} from ${threads} join ${chats} on ${chats.id} = ${threads.chatId} where ${condition})`;
  return sandbox
    ? sql`${threadId} in ${threadsWhere(IN_SANDBOX_OR_TERMINAL)}`
    : sql`${threadId} not in ${threadsWhere(IN_SANDBOX)}`;
}
