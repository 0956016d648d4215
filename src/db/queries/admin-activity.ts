/**
 * What has changed: the rows that a snapshot does not show, for admins who follow what goes on.
 *
 * Each row that admins see knows the transaction that changed it last (`changed_in`). Whoever has seen a snapshot has missed
 * nothing but the rows whose transaction it does not show, whatever the order of commits; and such a row is news once. A
 * state is told, not its history: what changed twice in between is told as it is now.
 */
import { and, eq, inArray, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { BadInputError } from "../../errors.ts";
import type { Db } from "../client.ts";
import { messages, replies, runs, runText, threads, toolCalls } from "../schema/index.ts";
import { parseSnapshot, type Snapshot } from "../snapshot.ts";
import { findMessages, type MessageRow } from "./admin-messages.ts";
import { findRuns, type RunRow } from "./admin-runs.ts";
import { findToolCalls, type ToolCallRow } from "./admin-tool-calls.ts";
import { RUNNING } from "./run-queue.ts";

/** What of a change comes first within a transaction: the message before its run, the run before its calls. */
export const CHANGE_KINDS = ["message", "run", "toolCall", "delivery", "text"] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** The place of a change among those of a snapshot. */
export interface ChangeKey {
  readonly changedIn: bigint;
  readonly kind: ChangeKind;
  /** Of the message, run, tool call or reply; a text's is its run's. */
  readonly id: string;
  /** Of a text, in UTF-16 units of the whole answer; 0 for anything else. */
  readonly offset: number;
}

interface ChangeOf<Kind extends ChangeKind> {
  readonly kind: Kind;
  readonly key: ChangeKey;
  readonly threadId: string;
  readonly chatId: string;
}

/** A change, with the row as it was when it was read. */
export type Change =
  | (ChangeOf<"message"> & { readonly message: MessageRow })
  | (ChangeOf<"run" | "delivery"> & { readonly run: RunRow })
  | (ChangeOf<"toolCall"> & { readonly toolCall: ToolCallRow })
  | (ChangeOf<"text"> & {
      readonly run: RunRow;
      /** Where the piece begins in the whole answer, in UTF-16 units. */
      readonly from: number;
      readonly delta: string;
    });

/** Whose changes: of one thread, of one chat, or of all. */
export type ActivityScope = { readonly threadId?: string | undefined; readonly chatId?: string | undefined };

/** How far somebody has come: all that `seen` shows, and of what `page.snapshot` shows beyond it, what is not after `page.key`. */
export interface ActivityPlace {
  readonly seen: Snapshot;
  readonly page?: { readonly snapshot: Snapshot; readonly key: ChangeKey };
}

export interface News {
  /** What all of this was read from: once `isWhole`, all that it shows is known. */
  readonly snapshot: Snapshot;
  /** In the order of their keys. */
  readonly changes: readonly Change[];
  /** Whether there is no more to read in this snapshot. */
  readonly isWhole: boolean;
}

/** An answer in the making, with its text so far. */
export interface ReplyInProgress {
  readonly run: RunRow;
  readonly text: string;
}

/** Answers in the making that one look shows at most: more than all processes of a shop work on at once. */
const MAX_REPLIES_IN_PROGRESS = 500;

/**
 * The next changes after `place`, at most `limit`. A page that was begun is read on in its own snapshot.
 *
 * @throws {BadInputError} for a place that this database has not come to: a cursor of another one, or of before a restore.
 */
export function findNews(
  db: Db,
  place: ActivityPlace,
  { scope, limit }: { scope: ActivityScope; limit: number },
): Promise<News> {
  return inOneSnapshot(db, async (tx, current) => {
    const snapshot = place.page?.snapshot ?? current;
    if (place.seen.until > current.until || snapshot.until > current.until) throw new UnknownPlaceError();
    const found = await findChanges(tx, place, { scope, snapshot, limit: limit + 1 });
    const changes = await withRows(tx, found.slice(0, limit));
    return { snapshot, changes, isWhole: found.length <= limit };
  });
}

/** Where somebody stands who begins now, with the answers that are in the making. */
export function findNow(
  db: Db,
  scope: ActivityScope,
): Promise<{ snapshot: Snapshot; repliesInProgress: ReplyInProgress[] }> {
  return inOneSnapshot(db, async (tx, snapshot) => {
    const soFar = sql<string>`coalesce((select string_agg(${runText.text}, '' order by ${runText.offset})
      from ${runText} where ${runText.runId} = ${runs.id}), '')`;
    const repliesInProgress = await tx
      .select({ run: runs, text: soFar })
      .from(runs)
      .innerJoin(threads, eq(threads.id, runs.threadId))
      .where(and(inArray(runs.status, [...RUNNING]), inScope(scope, runs.threadId, threads.chatId)))
      .orderBy(runs.queuedAt, runs.id)
      .limit(MAX_REPLIES_IN_PROGRESS);
    return { snapshot, repliesInProgress };
  });
}

/** All that is stored by now. */
export function findSnapshot(db: Db): Promise<Snapshot> {
  return inOneSnapshot(db, async (_, snapshot) => snapshot);
}

/**
 * Forgets by which transactions rows were changed that this server has not come to: they are of the server that a restored
 * dump was made on, and would all be news once it does.
 */
export async function forgetForeignChanges(db: Db): Promise<void> {
  for (const table of [messages, replies, runs, runText, toolCalls]) {
    // The first transaction of any server: each snapshot shows it. By the index there is nothing to read where nothing is
    // foreign; of the text without one, which is read whole, there is only what is in the making.
    await db
      .update(table)
      .set({ changedIn: sql`'3'::xid8` })
      .where(sql`${table.changedIn} >= pg_snapshot_xmax(pg_current_snapshot())`);
  }
}

/** A place that this database has not come to. */
export class UnknownPlaceError extends BadInputError {
  constructor() {
    super("'after' is a cursor of another database, or of before a restore: follow without it, and read anew");
  }
}

function inOneSnapshot<T>(db: Db, read: (tx: Db, current: Snapshot) => Promise<T>): Promise<T> {
  return db.transaction(
    async (tx) => {
      const [row] = await tx.execute<{ snapshot: string }>(sql`select pg_current_snapshot()::text as snapshot`);
      const current = parseSnapshot(row?.snapshot ?? "");
      if (!current) throw new Error(`the server gave a snapshot that cannot be read: ${row?.snapshot}`);
      return read(tx, current);
    },
    { isolationLevel: "repeatable read", accessMode: "read only" },
  );
}

type FoundChange = {
  readonly kind: number;
  readonly id: string;
  readonly changedIn: string;
  readonly offset: number;
  readonly delta: string | null;
  readonly runId: string | null;
  readonly threadId: string;
  readonly chatId: string;
};

async function findChanges(
  tx: Db,
  { seen, page }: ActivityPlace,
  { scope, snapshot, limit }: { scope: ActivityScope; snapshot: Snapshot; limit: number },
): Promise<FoundChange[]> {
  const isNews = (changedIn: SQLWrapper, threadId: SQLWrapper) =>
    // The first condition is the index's, the others are exact.
    sql`${changedIn} >= ${String(seen.oldest)}::xid8 and not pg_visible_in_snapshot(${changedIn}, ${seen.text}::pg_snapshot)
      and pg_visible_in_snapshot(${changedIn}, ${snapshot.text}::pg_snapshot)
      ${scope.threadId === undefined ? sql`` : sql`and ${threadId} = ${scope.threadId}::uuid`}`;
  const key = page?.key;
  const isAfter =
    key &&
    sql`(news.changed_in, news.kind, news.id, news."offset")
      > (${String(key.changedIn)}::xid8, ${CHANGE_KINDS.indexOf(key.kind)}::integer, ${key.id}::uuid, ${key.offset}::integer)`;
  const found = await tx.execute<FoundChange>(sql`
    select news.kind, news.id, news.changed_in::text as "changedIn", news."offset", news.delta, news.run_id as "runId",
      news.thread_id as "threadId", ${threads.chatId} as "chatId"
    from (
      select 0 as kind, id, changed_in, 0 as "offset", null::text as delta, run_id, thread_id from ${messages}
        where ${isNews(messages.changedIn, messages.threadId)}
      union all select 1, id, changed_in, 0, null, id, thread_id from ${runs}
        where ${isNews(runs.changedIn, runs.threadId)}
      union all select 2, id, changed_in, 0, null, run_id, thread_id from ${toolCalls}
        where ${isNews(toolCalls.changedIn, toolCalls.threadId)}
      union all select 3, ${replies.id}, ${replies.changedIn}, 0, null, ${replies.runId}, ${runs.threadId}
        from ${replies} join ${runs} on ${runs.id} = ${replies.runId}
        where ${isNews(replies.changedIn, runs.threadId)}
      union all select 4, ${runText.runId}, ${runText.changedIn}, ${runText.offset}, ${runText.text}, ${runText.runId}, ${runs.threadId}
        from ${runText} join ${runs} on ${runs.id} = ${runText.runId}
        where ${isNews(runText.changedIn, runs.threadId)}
    ) as news join ${threads} on ${threads.id} = news.thread_id
    where ${and(isAfter, inScope({ chatId: scope.chatId }, threads.id, threads.chatId)) ?? sql`true`}
    order by news.changed_in, news.kind, news.id, news."offset"
    limit ${limit}`);
  return [...found];
}

async function withRows(tx: Db, found: readonly FoundChange[]): Promise<Change[]> {
  const idsOf = (kinds: readonly ChangeKind[], idOf: (change: FoundChange) => string) =>
    new Set(found.filter((change) => kinds.includes(kindOf(change))).map(idOf));
  const messagesById = await byId(
    idsOf(["message"], (change) => change.id),
    (ids) => findMessages(tx, ids),
  );
  const runsById = await byId(
    idsOf(["run", "delivery", "text"], (change) => change.runId ?? ""),
    (ids) => findRuns(tx, ids),
  );
  const callsById = await byId(
    idsOf(["toolCall"], (change) => change.id),
    (ids) => findToolCalls(tx, ids),
  );
  return found.flatMap((change): Change[] => {
    const kind = kindOf(change);
    const { id, offset, threadId, chatId, delta } = change;
    const place = { key: { changedIn: BigInt(change.changedIn), kind, id, offset }, threadId, chatId };
    const [message, toolCall, run] = [messagesById.get(id), callsById.get(id), runsById.get(change.runId ?? "")];
    if (kind === "message") return message ? [{ ...place, kind, message }] : [];
    if (kind === "toolCall") return toolCall ? [{ ...place, kind, toolCall }] : [];
    if (!run) return [];
    return kind === "text" ? [{ ...place, kind, run, from: offset, delta: delta ?? "" }] : [{ ...place, kind, run }];
  });
}

function kindOf({ kind }: FoundChange): ChangeKind {
  const name = CHANGE_KINDS[kind];
  if (!name) throw new Error(`no kind of change has the number ${kind}`);
  return name;
}

async function byId<Row extends { id: string }>(
  ids: ReadonlySet<string>,
  find: (ids: readonly string[]) => Promise<Row[]>,
): Promise<Map<string, Row>> {
  if (ids.size === 0) return new Map();
  return new Map((await find([...ids])).map((row) => [row.id, row]));
}

function inScope({ threadId, chatId }: ActivityScope, thread: SQLWrapper, chat: SQLWrapper): SQL | undefined {
  return and(
    threadId === undefined ? undefined : sql`${thread} = ${threadId}::uuid`,
    chatId === undefined ? undefined : sql`${chat} = ${chatId}::uuid`,
  );
}
