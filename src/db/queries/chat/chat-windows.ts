/**
 * The rate window of each chat: the calls that Telegram may still count, and how long it asked to wait. It is stored with the
 * chat, so that the next process that sends there continues from it.
 *
 * Times are exchanged as ages and durations, because the clocks of two processes differ.
 */
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { chats } from "../../schema/index.ts";

export interface ChatWindow {
  /** Ages of the calls that Telegram may still count, in milliseconds, oldest first. */
  callAgesMs: number[];
  /** Milliseconds until a whole burst is allowed again; 0 if it is allowed now. */
  restedInMs: number;
  /** Milliseconds until anything may be sent; 0 if sending is allowed now. */
  frozenForMs: number;
}

export interface StoredWindow extends ChatWindow {
  /** The worker that saved it; null if none did yet. */
  savedBy: number | null;
}

/** SQL for a query that selects from `chats`: the stored window as one JSON column. */
export function windowColumn(): SQL<StoredWindow> {
  const ageMs = (time: SQL) => sql`round(extract(epoch from clock_timestamp() - ${time}) * 1000)`;
  return sql<StoredWindow>`json_build_object('savedBy', ${chats.callsBy},
    'callAgesMs', coalesce((select json_agg(${ageMs(sql`called`)}) from unnest(${chats.callsAt}) called), '[]'),
    'restedInMs', greatest(-${ageMs(sql`${chats.restedAt}`)}, 0),
    'frozenForMs', greatest(-${ageMs(sql`${chats.frozenUntil}`)}, 0))`;
}

/** Saves the windows of several chats of a bot, in one statement. */
export async function saveChatWindows(
  db: Db,
  { botId, workerId }: { botId: number; workerId: number },
  windows: readonly (ChatWindow & { telegramId: number })[],
): Promise<void> {
  await db.execute(sql`
    update ${chats} set calls_by = ${workerId},
      calls_at = array(select clock_timestamp() - age::float8 * interval '1 millisecond'
        from jsonb_array_elements_text(saved."callAgesMs") with ordinality as ages (age, place) order by place),
      rested_at = clock_timestamp() + saved."restedInMs" * interval '1 millisecond',
      frozen_until = clock_timestamp() + saved."frozenForMs" * interval '1 millisecond'
    from jsonb_to_recordset(${JSON.stringify(windows)}::text::jsonb)
      as saved ("telegramId" bigint, "callAgesMs" jsonb, "restedInMs" float8, "frozenForMs" float8)
    where ${chats.botId} = ${botId} and ${chats.telegramId} = saved."telegramId"`);
}
