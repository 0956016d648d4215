/**
 * Records changes in the database for the auditor: triggers log which slot changed a run, a tool call or a reply, and when.
 *
 * Each slot connects with a role of its own, so that the database knows who made a change. The product is not involved.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import { openSession, type SocketServer } from "../../src/db/client.ts";
import type { ReplyChange, Rows, RunChange, ToolCallChange } from "./recording.ts";

export interface ObservedDatabase {
  /** Runs a query as the auditor, with retries while the server restarts. */
  query<T>(work: (session: Sql) => Promise<T>): Promise<T>;
  /** The database role of a slot's process. */
  roleOf(slot: string): string;
  readRows(): Promise<Rows>;
  readChanges(): Promise<{ runChanges: RunChange[]; toolCallChanges: ToolCallChange[]; replyChanges: ReplyChange[] }>;
  /** Terminates all connections of these slots. */
  terminateBackends(slots: readonly string[]): Promise<void>;
  /**
   * Kills the backend of one connection of these slots. PostgreSQL then terminates all connections and recovers from its log.
   * Resolves when it answers again.
   */
  crashServer(slots: readonly string[]): Promise<void>;
  /** Drops the roles. The caller drops the database afterwards. */
  close(): Promise<void>;
}

/** `target` is a migrated database without any rows. */
export async function observeDatabase(
  target: SocketServer & { readonly database: string },
  slots: readonly string[],
): Promise<ObservedDatabase> {
  const session = openSession(target, "chaos auditor");
  const roleOf = (slot: string) => `${target.database}_${slot}`;
  for (const slot of slots) await session`create role ${session(roleOf(slot))} login superuser`;
  await session.unsafe(TRIGGERS);
  const query = <T>(work: (session: Sql) => Promise<T>) => retry(() => work(session));
  return {
    query,
    roleOf,
    readRows: () => query(readRows),
    readChanges: () => query(() => readChanges(session, (role) => role.slice(target.database.length + 1))),
    async terminateBackends(names) {
      await query(
        () =>
          session`select pg_terminate_backend(pid) from pg_stat_activity where usename = any(${names.map(roleOf)}::text[])`,
      );
    },
    async crashServer(names) {
      const [backend] = await query(
        () => session<{ pid: number }[]>`
          select pid from pg_stat_activity where usename = any(${names.map(roleOf)}::text[]) limit 1`,
      );
      if (!backend) return;
      process.kill(backend.pid, "SIGKILL");
      await query(() => session`select 1`);
    },
    async close() {
      for (const slot of slots) await session`drop role ${session(roleOf(slot))}`;
      await session.end();
    },
  };
}

const TRIES = 100;
const RETRY_PAUSE_MS = 100;

async function retry<T>(work: () => Promise<T>): Promise<T> {
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
create function chaos.record_run() returns trigger language plpgsql as $$ begin
  insert into chaos.run_changes (run_id, attempt, worker_id, status, is_claim)
    values (new.id, new.attempt, new.worker_id, new.status,
      new.status in ('in_progress', 'requires_action') and (new.attempt, new.worker_id) is distinct from (old.attempt, old.worker_id));
  return null; end $$;
create trigger chaos_run after update on public.runs for each row
  when ((old.attempt, old.worker_id, old.status) is distinct from (new.attempt, new.worker_id, new.status))
  execute function chaos.record_run();
create function chaos.record_tool_call() returns trigger language plpgsql as $$ begin
  insert into chaos.tool_call_changes (tool_call_id, before, status) values (new.id, old.status, new.status); return null; end $$;
create trigger chaos_tool_call after update on public.tool_calls for each row execute function chaos.record_tool_call();
create function chaos.record_reply() returns trigger language plpgsql as $$ begin
  insert into chaos.reply_changes (reply_id, worker_id, status, message_ids)
    values (new.id, new.worker_id, new.status, new.telegram_message_ids); return null; end $$;
create trigger chaos_reply after insert or update on public.replies for each row execute function chaos.record_reply();
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
