/**
 * The two environments of one database: conversations with real bots ("production"), and those in the sandbox.
 *
 * Each query for admins takes the environment that it reads, as `sandbox`. Terminal chats (`npm run ask`) have no bot and belong
 * to both.
 *
 * The production conditions say "not in the sandbox". On a real database the sandbox is empty, which an index shows at once. The
 * subquery depends on no row: Postgres runs it once per statement, and still reads a list in the order of its index.
 */
import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { LARGEST_TELEGRAM_ID } from "../../../shop/telegram-ids.ts";
import { chats, threads } from "../../schema/index.ts";

/** A constant in the statement: so a generic plan knows how rare such chats are. */
const IN_SANDBOX = sql`${chats.botId} > ${sql.raw(String(LARGEST_TELEGRAM_ID))}`;
const IN_SANDBOX_OR_TERMINAL = sql`(${IN_SANDBOX} or ${chats.botId} is null)`;

/** Condition on the column of a chat's id. */
export function isChatInEnvironment(chatId: SQLWrapper, sandbox: boolean): SQL {
  const chatsWhere = (condition: SQL) => sql`(select ${chats.id} from ${chats} where ${condition})`;
  return sandbox
    ? sql`${chatId} in ${chatsWhere(IN_SANDBOX_OR_TERMINAL)}`
    : sql`${chatId} not in ${chatsWhere(IN_SANDBOX)}`;
}

/** Condition on the column of a thread's id. */
export function isThreadInEnvironment(threadId: SQLWrapper, sandbox: boolean): SQL {
  const threadsWhere = (condition: SQL) =>
    sql`(select ${threads.id} from ${threads} join ${chats} on ${chats.id} = ${threads.chatId} where ${condition})`;
  return sandbox
    ? sql`${threadId} in ${threadsWhere(IN_SANDBOX_OR_TERMINAL)}`
    : sql`${threadId} not in ${threadsWhere(IN_SANDBOX)}`;
}
