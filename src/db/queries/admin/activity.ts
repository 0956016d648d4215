/**
 * What has changed: the rows that a snapshot does not show, for admins who follow what goes on.
 *
 * Each row that admins see knows the transaction that changed it last (`changed_in`). Whoever has seen a snapshot has missed
 * nothing but the rows whose transaction it does not show, whatever the order of commits; and such a row is news once. A
 * state is told, not its history: what changed twice in between is told as it is now.
 */
import { and, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { BadInputError } from "../../../errors.ts";
import { RUNNING_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { hasStatus, messages, replies, runs, runText, threads, toolCalls } from "../../schema/index.ts";
import { parseSnapshot, type Snapshot } from "../../snapshot.ts";
import { type ActivityPlace, type ActivityScope, type Change, findChanges, NOW, readChange } from "./changes.ts";
import type { RunRow } from "./runs.ts";
import { isChatOnSide } from "./environments.ts";

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
export async function findNews(
  db: Db,
  place: ActivityPlace,
  { scope, limit }: { scope: ActivityScope; limit: number },
): Promise<News> {
  const found = await findChanges(db, place, { scope, limit: limit + 1 });
  const current = readSnapshot(found[0]?.current);
  const snapshot = place.page?.snapshot ?? current;
  if (place.seen.until > current.until || snapshot.until > current.until) throw new UnknownPlaceError();
  const changes = found.flatMap((row) => readChange(row) ?? []);
  return { snapshot, changes: changes.slice(0, limit), isWhole: changes.length <= limit };
}

/** Where somebody stands who begins now, with the answers that are in the making. */
export async function findNow(
  db: Db,
  scope: ActivityScope,
): Promise<{ snapshot: Snapshot; repliesInProgress: ReplyInProgress[] }> {
  const isAsked = and(hasStatus(runs.status, RUNNING_STATUSES), inScope(scope, runs.threadId, threads.chatId));
  const inTheMaking = sql`(select ${runs.id} from ${runs} join ${threads} on ${threads.id} = ${runs.threadId}
    where ${isAsked} order by ${runs.queuedAt}, ${runs.id} limit ${MAX_REPLIES_IN_PROGRESS})`;
  const soFar = sql<string>`coalesce((select string_agg(${runText.text}, '' order by ${runText.offset})
    from ${runText} where ${runText.runId} = ${runs.id}), '')`;
  const rows = await db
    .select({ current: sql<string>`now.snapshot::text`, run: runs, text: soFar })
    .from(NOW)
    .leftJoin(runs, sql`${runs.id} in ${inTheMaking}`)
    .orderBy(runs.queuedAt, runs.id);
  return {
    snapshot: readSnapshot(rows[0]?.current),
    repliesInProgress: rows.flatMap(({ run, text }) => (run ? [{ run, text }] : [])),
  };
}

/** All that is stored by now. */
export async function findSnapshot(db: Db): Promise<Snapshot> {
  const [row] = await db.select({ current: sql<string>`now.snapshot::text` }).from(NOW);
  return readSnapshot(row?.current);
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

function readSnapshot(text: string | undefined): Snapshot {
  const snapshot = parseSnapshot(text ?? "");
  if (!snapshot) throw new Error(`the server gave a snapshot that cannot be read: ${text}`);
  return snapshot;
}

function inScope({ sandbox, threadId, chatId }: ActivityScope, thread: SQLWrapper, chat: SQLWrapper): SQL | undefined {
  return and(
    isChatOnSide(chat, sandbox),
    threadId === undefined ? undefined : sql`${thread} = ${threadId}::uuid`,
    chatId === undefined ? undefined : sql`${chat} = ${chatId}::uuid`,
  );
}
