/**
 * What Telegram was sent in each chat lately, and until when it asked to wait: kept with the chat, so that the next process
 * that sends there begins where the last one ended. Times travel as ages: no two clocks are compared.
 */
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { chats } from "../../schema/index.ts";

export interface ChatWindow {
  /** How long ago each call was made that Telegram may still count, oldest first, in milliseconds. */
  callAgesMs: number[];
  /** In how many milliseconds all of a burst may be sent again; 0 and below for now. */
  restedInMs: number;
  /** For how long nothing may be sent, in milliseconds; 0 and below for now. */
  frozenForMs: number;
}

/** A window as it was found: by which worker it was noted, null when it never was. */
export interface StoredWindow extends ChatWindow {
  notedBy: number | null;
}

/** For a query that has `chats`: its window, as one column. */
export function windowColumn(): SQL<StoredWindow> {
  const ageMs = (time: SQL) => sql`round(extract(epoch from clock_timestamp() - ${time}) * 1000)`;
  return sql<StoredWindow>`json_build_object('notedBy', ${chats.callsBy},
    'callAgesMs', coalesce((select json_agg(${ageMs(sql`called`)}) from unnest(${chats.callsAt}) called), '[]'),
    'restedInMs', coalesce(-${ageMs(sql`${chats.restedAt}`)}, 0),
    'frozenForMs', coalesce(-${ageMs(sql`${chats.frozenUntil}`)}, 0))`;
}

/** Notes the windows of some chats of a bot, in one statement. */
export async function saveChatWindows(
  db: Db,
  { botId, workerId }: { botId: number; workerId: number },
  windows: readonly (ChatWindow & { telegramId: number })[],
): Promise<void> {
  await db.execute(sql`
    update ${chats} set calls_by = ${workerId},
      calls_at = array(select clock_timestamp() - age::float8 * interval '1 millisecond'
        from jsonb_array_elements_text(noted."callAgesMs") with ordinality as ages (age, place) order by place),
      rested_at = clock_timestamp() + noted."restedInMs" * interval '1 millisecond',
      frozen_until = clock_timestamp() + noted."frozenForMs" * interval '1 millisecond'
    from jsonb_to_recordset(${JSON.stringify(windows)}::text::jsonb)
      as noted ("telegramId" bigint, "callAgesMs" jsonb, "restedInMs" float8, "frozenForMs" float8)
    where ${chats.botId} = ${botId} and ${chats.telegramId} = noted."telegramId"`);
}
