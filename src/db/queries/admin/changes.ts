/** Changes for subscribers, and the one statement that finds them with the rows they are about. */
import { and, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { messages, replies, runs, runText, threads, toolCalls } from "../../schema/index.ts";
import type { Snapshot } from "../../snapshot.ts";
import { isThreadInEnvironment } from "./environments.ts";
import type { MessageRow } from "./messages.ts";
import type { RunRow } from "./runs.ts";
import type { ThreadRow } from "./threads.ts";
import { TOOL_CALL_COLUMNS, type ToolCallRow } from "./tool-calls.ts";

/** In the order within one transaction: a message comes before its run, a run before its tool calls. */
export const CHANGE_KINDS = ["message", "run", "toolCall", "delivery", "text"] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** The sort key of a change within a snapshot. */
export interface ChangeKey {
  readonly changedIn: bigint;
  readonly kind: ChangeKind;
  /** Of the message, run, tool call or reply. A text has the id of its run. */
  readonly id: string;
  /** Of a text, in UTF-16 units from the start of the answer; 0 for other kinds. */
  readonly offset: number;
}

interface ChangeOf<Kind extends ChangeKind> {
  readonly kind: Kind;
  readonly key: ChangeKey;
  readonly thread: ThreadRow;
}

/** A change, with its rows as they were when it was read. */
export type Change =
  | (ChangeOf<"message"> & { readonly message: MessageRow })
  | (ChangeOf<"run" | "delivery"> & { readonly run: RunRow })
  | (ChangeOf<"toolCall"> & { readonly toolCall: ToolCallRow })
  | (ChangeOf<"text"> & {
      readonly run: RunRow;
      /** Start of the piece in UTF-16 units, from the start of the answer. */
      readonly from: number;
      readonly delta: string;
    });

/** Which changes: of one thread, of one chat, or of all threads of an environment (see `environments.ts`). */
export type ActivityScope = {
  readonly sandbox: boolean;
  readonly threadId?: string | undefined;
  readonly chatId?: string | undefined;
};

/** How far a client has read: all that `seen` shows, and from the snapshot `page.snapshot` all changes up to `page.key`. */
export interface ActivityPosition {
  readonly seen: Snapshot;
  readonly page?: { readonly snapshot: Snapshot; readonly key: ChangeKey };
}

/** The snapshot that the statement reads from. One statement per read, so no transaction is needed. */
export const NOW = sql`(select pg_current_snapshot() as snapshot) as now`;

/** Conditions of the statement. Each combination is a prepared statement of its own. */
interface Conditions {
  readonly sandbox: boolean;
  readonly inThread: boolean;
  readonly inChat: boolean;
  /** Whether an earlier page is continued, in its own snapshot. */
  readonly inPage: boolean;
}

type ChangeStatement = ReturnType<typeof prepareStatement>;
type FoundChange = Awaited<ReturnType<ChangeStatement["execute"]>>[number];

/**
 * Built once per database: a process polls up to a hundred times a second, and the text is long. Postgres still plans each
 * execution, because the parameters decide how many changes there are.
 */
const statements = new WeakMap<Db, Map<string, ChangeStatement>>();

/**
 * The next `limit` changes in their order, as rows for `readChange`. There is at least one row: it has the current snapshot, and
 * no kind if there are no changes.
 */
export function findChanges(
  db: Db,
  { seen, page }: ActivityPosition,
  { scope: { sandbox, threadId, chatId }, limit }: { scope: ActivityScope; limit: number },
): Promise<FoundChange[]> {
  const conditions = {
    sandbox,
    inThread: threadId !== undefined,
    inChat: chatId !== undefined,
    inPage: page !== undefined,
  };
  const prepared = statements.get(db) ?? new Map<string, ChangeStatement>();
  statements.set(db, prepared);
  const name = JSON.stringify(conditions);
  const statement = prepared.get(name) ?? prepareStatement(db, conditions);
  prepared.set(name, statement);
  return statement.execute({
    oldest: String(seen.oldest),
    seen: seen.text,
    threadId,
    chatId,
    limit,
    ...(page && { page: page.snapshot.text, ...keyParameters(page.key) }),
  });
}

/** The change in a row; null in a row without one. */
export function readChange(row: FoundChange): Change | null {
  const { kind: number, id, changedIn, offset, delta, thread } = row;
  if (number === null) return null;
  const kind = kindOf(number);
  const common = { key: { changedIn: BigInt(changedIn), kind, id, offset }, thread: required(thread) };
  if (kind === "message") return { ...common, kind, message: required(row.message) };
  if (kind === "toolCall") return { ...common, kind, toolCall: required(row.toolCall) };
  const run = required(row.run);
  return kind === "text" ? { ...common, kind, run, from: offset, delta: delta ?? "" } : { ...common, kind, run };
}

function keyParameters({ changedIn, kind, id, offset }: ChangeKey) {
  return { changedIn: String(changedIn), kind: CHANGE_KINDS.indexOf(kind), id, offset };
}

function prepareStatement(db: Db, conditions: Conditions) {
  /** The id for these kinds, else null, so that other kinds cause no lookup. */
  const idOf = (kinds: readonly ChangeKind[], id: "id" | "run_id") => {
    const numbers = kinds.map((kind) => CHANGE_KINDS.indexOf(kind)).join(", ");
    return sql.raw(`case when change.kind in (${numbers}) then change.${id} end`);
  };
  return db
    .select({
      current: sql<string>`now.snapshot::text`,
      kind: sql<number | null>`change.kind`,
      id: sql<string>`change.id`,
      changedIn: sql<string>`change.changed_in::text`,
      offset: sql<number>`change."offset"`,
      delta: sql<string | null>`change.delta`,
      thread: threads,
      message: messages,
      run: runs,
      toolCall: TOOL_CALL_COLUMNS,
    })
    .from(sql`${NOW} left join (${nextChanges(conditions)}) as change on true`)
    .leftJoin(threads, sql`${threads.id} = change.thread_id`)
    .leftJoin(messages, sql`${messages.id} = ${idOf(["message"], "id")}`)
    .leftJoin(runs, sql`${runs.id} = ${idOf(["run", "delivery", "text"], "run_id")}`)
    .leftJoin(toolCalls, sql`${toolCalls.id} = ${idOf(["toolCall"], "id")}`)
    .orderBy(sql`change.changed_in, change.kind, change.id, change."offset"`)
    .prepare("changes");
}

/** The next page of changed rows, in the order of their keys. */
function nextChanges({ sandbox, inThread, inChat, inPage }: Conditions): SQL {
  const parameter = (name: string) => sql.placeholder(name);
  const visibleIn = inPage ? sql`${parameter("page")}::pg_snapshot` : sql`pg_current_snapshot()`;
  const isChanged = (changedIn: SQLWrapper, threadId: SQLWrapper) =>
    // The first condition uses the index, the others are exact.
    sql`${changedIn} >= ${parameter("oldest")}::xid8 and not pg_visible_in_snapshot(${changedIn}, ${parameter("seen")}::pg_snapshot)
      and pg_visible_in_snapshot(${changedIn}, ${visibleIn})
      ${inThread ? sql`and ${threadId} = ${parameter("threadId")}::uuid` : sql``}`;
  const isAfterKey = sql`(changed_in, kind, changes.id, "offset")
    > (${parameter("changedIn")}::xid8, ${parameter("kind")}::integer, ${parameter("id")}::uuid, ${parameter("offset")}::integer)`;
  const where = and(
    isThreadInEnvironment(sql`changes.thread_id`, sandbox),
    inPage ? isAfterKey : undefined,
    inChat ? sql`${threads.chatId} = ${parameter("chatId")}::uuid` : undefined,
  );
  return sql`select changes.* from (${changedRows(isChanged)}) as changes
    ${inChat ? sql`join ${threads} on ${threads.id} = changes.thread_id` : sql``}
    where ${where}
    order by changed_in, kind, changes.id, "offset"
    limit ${parameter("limit")}`;
}

/** One row per changed row of any table. The kinds are indexes of `CHANGE_KINDS`. */
function changedRows(isChanged: (changedIn: SQLWrapper, threadId: SQLWrapper) => SQL): SQL {
  return sql`
    select 0 as kind, id, changed_in, 0 as "offset", null::text as delta, run_id, thread_id from ${messages}
      where ${isChanged(messages.changedIn, messages.threadId)}
    union all select 1, id, changed_in, 0, null, id, thread_id from ${runs}
      where ${isChanged(runs.changedIn, runs.threadId)}
    union all select 2, id, changed_in, 0, null, run_id, thread_id from ${toolCalls}
      where ${isChanged(toolCalls.changedIn, toolCalls.threadId)}
    union all select 3, ${replies.id}, ${replies.changedIn}, 0, null, ${replies.runId}, ${runs.threadId}
      from ${replies} join ${runs} on ${runs.id} = ${replies.runId}
      where ${isChanged(replies.changedIn, runs.threadId)}
    union all select 4, ${runText.runId}, ${runText.changedIn}, ${runText.offset}, ${runText.text}, ${runText.runId}, ${runs.threadId}
      from ${runText} join ${runs} on ${runs.id} = ${runText.runId}
      where ${isChanged(runText.changedIn, runs.threadId)}`;
}

/** All rows come from one snapshot, so a row that another one refers to cannot be missing. */
function required<Row>(row: Row | null): Row {
  if (row === null) throw new Error("a change was read without the rows that it is about");
  return row;
}

function kindOf(number: number): ChangeKind {
  const name = CHANGE_KINDS[number];
  if (!name) throw new Error(`no kind of change has the number ${number}`);
  return name;
}
