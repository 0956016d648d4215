/**
 * The database as the auditor watches it: triggers that write down who changed a run, a tool call or a reply, and when.
 *
 * Each slot has a role of its own, so that the database itself knows whose change it is. The product sees nothing of it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import { openSession, type SocketServer } from "../../src/db/client.ts";
import type { ReplyChange, Rows, RunChange, ToolCallChange } from "./recording.ts";

export interface ObservedDatabase {
  /** Asks as the auditor; again while the server is on its way up. */
  ask<T>(question: (session: Sql) => Promise<T>): Promise<T>;
  /** The role under which the process of a slot is to connect. */
  roleOf(slot: string): string;
  readRows(): Promise<Rows>;
  readChanges(): Promise<{ runChanges: RunChange[]; toolCallChanges: ToolCallChange[]; replyChanges: ReplyChange[] }>;
  /** Ends all connections of these slots, as a failing server does. */
  terminateBackends(slots: readonly string[]): Promise<void>;
  /**
   * Kills the server process behind one connection of these slots: Postgres then ends all others and recovers from its log.
   * Settles when it answers again.
   */
  crashServer(slots: readonly string[]): Promise<void>;
  /** Drops the roles; the database is dropped by whoever made it, afterwards. */
  close(): Promise<void>;
}

/** A migrated database that nothing was written to yet. */
export async function observeDatabase(
  target: SocketServer & { readonly database: string },
  slots: readonly string[],
): Promise<ObservedDatabase> {
  const session = openSession(target, "chaos auditor");
  const roleOf = (slot: string) => `${target.database}_${slot}`;
  for (const slot of slots) await session`create role ${session(roleOf(slot))} login superuser`;
  await session.unsafe(TRIGGERS);
  const ask = <T>(question: (session: Sql) => Promise<T>) => patiently(() => question(session));
  return {
    ask,
    roleOf,
    readRows: () => ask(readRows),
    readChanges: () => ask(() => readChanges(session, (role) => role.slice(target.database.length + 1))),
    async terminateBackends(names) {
      await ask(
        () =>
          session`select pg_terminate_backend(pid) from pg_stat_activity where usename = any(${names.map(roleOf)}::text[])`,
      );
    },
    async crashServer(names) {
      const [behind] = await ask(
        () => session<{ pid: number }[]>`
          select pid from pg_stat_activity where usename = any(${names.map(roleOf)}::text[]) limit 1`,
      );
      if (!behind) return;
      process.kill(behind.pid, "SIGKILL");
      await ask(() => session`select 1`);
    },
    async close() {
      for (const slot of slots) await session`drop role ${session(roleOf(slot))}`;
      await session.end();
    },
  };
}

const TRIES = 100;
const RETRY_PAUSE_MS = 100;

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES) throw error;
      await sleep(RETRY_PAUSE_MS);
    }
  }
}

const TRIGGERS = `
create schema chaos;
create table chaos.run_changes (at timestamptz not null default clock_timestamp(), role text not null default session_user,
  run_id uuid, attempt int, worker_id int, status text, is_claim boolean);
create table chaos.tool_call_changes (at timestamptz not null default clock_timestamp(), role text not null default session_user,
  tool_call_id uuid, before text, status text);
create table chaos.reply_changes (at timestamptz not null default clock_timestamp(), role text not null default session_user,
  reply_id uuid, worker_id int, status text, message_ids bigint[]);
create function chaos.note_run() returns trigger language plpgsql as $$ begin
  insert into chaos.run_changes (run_id, attempt, worker_id, status, is_claim)
    values (new.id, new.attempt, new.worker_id, new.status,
      new.status in ('in_progress', 'requires_action') and (new.attempt, new.worker_id) is distinct from (old.attempt, old.worker_id));
  return null; end $$;
create trigger chaos_run after update on public.runs for each row
  when ((old.attempt, old.worker_id, old.status) is distinct from (new.attempt, new.worker_id, new.status))
  execute function chaos.note_run();
create function chaos.note_tool_call() returns trigger language plpgsql as $$ begin
  insert into chaos.tool_call_changes (tool_call_id, before, status) values (new.id, old.status, new.status); return null; end $$;
create trigger chaos_tool_call after update on public.tool_calls for each row execute function chaos.note_tool_call();
create function chaos.note_reply() returns trigger language plpgsql as $$ begin
  insert into chaos.reply_changes (reply_id, worker_id, status, message_ids)
    values (new.id, new.worker_id, new.status, new.telegram_message_ids); return null; end $$;
create trigger chaos_reply after insert or update on public.replies for each row execute function chaos.note_reply();
`;

async function readRows(session: Sql): Promise<Rows> {
  const messages = await session<Rows["messages"][number][]>`
    select m.id, m.thread_id as "threadId", m.position, m.role, m.text, m.run_id as "runId",
      c.telegram_id::float8 as "chatId", t.topic_id::float8 as "topicId", m.telegram_message_id::float8 as "messageId"
    from messages m join threads t on t.id = m.thread_id join chats c on c.id = t.chat_id order by m.thread_id, m.position`;
  const runs = await session<Rows["runs"][number][]>`
    select id, thread_id as "threadId", position, status, attempt, handovers, error_code as "errorCode" from runs`;
  const items = await session<Rows["items"][number][]>`
    select run_id as "runId", round, ${epochMs(session, "max(created_at)")} as "atMs" from run_items group by run_id, round`;
  const toolCalls = await session<Rows["toolCalls"][number][]>`
    select id, run_id as "runId", round, call_id as "callId", status, output from tool_calls`;
  const replies = await session<(Omit<Rows["replies"][number], "messageIds"> & { messageIds: string[] })[]>`
    select r.id, r.run_id as "runId", c.telegram_id::float8 as "chatId", r.status, r.final_text as "finalText",
      r.telegram_message_ids as "messageIds", r.resent_count as "resentCount", r.error
    from replies r join chats c on c.id = r.chat_id`;
  return {
    messages,
    runs,
    items,
    toolCalls,
    replies: replies.map((reply) => ({ ...reply, messageIds: reply.messageIds.map(Number) })),
  };
}

async function readChanges(session: Sql, slotOf: (role: string) => string) {
  const withSlot = <Row extends { role: string }>({ role, ...rest }: Row) => ({ ...rest, slot: slotOf(role) });
  const at = epochMs(session, "at");
  const runChanges = await session<(Omit<RunChange, "slot"> & { role: string })[]>`
    select ${at} as "atMs", role, run_id as "runId", attempt, worker_id as "workerId", status, is_claim as "isClaim"
    from chaos.run_changes order by at`;
  const toolCallChanges = await session<(Omit<ToolCallChange, "slot"> & { role: string })[]>`
    select ${at} as "atMs", role, tool_call_id as "toolCallId", before, status from chaos.tool_call_changes order by at`;
  const replyChanges = await session<
    (Omit<ReplyChange, "slot" | "messageIds"> & { role: string; messageIds: string[] })[]
  >`
    select ${at} as "atMs", role, reply_id as "replyId", worker_id as "workerId", status, message_ids as "messageIds"
    from chaos.reply_changes order by at`;
  return {
    runChanges: runChanges.map(withSlot),
    toolCallChanges: toolCallChanges.map(withSlot),
    replyChanges: replyChanges.map((row) => ({ ...withSlot(row), messageIds: row.messageIds.map(Number) })),
  };
}

function epochMs(session: Sql, column: string) {
  return session.unsafe(`(extract(epoch from ${column}) * 1000)::float8`);
}
