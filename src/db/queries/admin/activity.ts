/**
 * Changes since a snapshot, for subscribers of the admin API.
 *
 * Each row that admins see stores the transaction that changed it last (`changed_in`). A client that has seen a snapshot has
 * missed exactly the rows whose transaction the snapshot does not show, whatever the order of commits. A change carries the
 * current state of a row, not its history: a row that changed twice comes once.
 */
import { and, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { BadInputError } from "../../../errors.ts";
import { RUNNING_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { hasStatus, messages, replies, runs, runText, threads, toolCalls } from "../../schema/index.ts";
import { parseSnapshot, type Snapshot } from "../../snapshot.ts";
import { type ActivityPosition, type ActivityScope, type Change, findChanges, NOW, readChange } from "./changes.ts";
import { isChatInEnvironment } from "./environments.ts";
import type { RunRow } from "./runs.ts";

export interface ChangePage {
  /** The snapshot that the page was read from. After the last page, all that it shows is seen. */
  readonly snapshot: Snapshot;
  /** In the order of their keys. */
  readonly changes: readonly Change[];
  /** Whether this is the last page of `snapshot`. */
  readonly isLast: boolean;
}

/** An answer that is being written, with its text so far. */
export interface ReplyInProgress {
  readonly run: RunRow;
  readonly text: string;
}

/** Most answers in one result: more than all processes of a shop can work on at once. */
const MAX_REPLIES_IN_PROGRESS = 500;

/**
 * The next changes after `position`, at most `limit`. A page that was begun is continued in its own snapshot.
 *
 * @throws {UnknownPositionError}
 */
export async function findChangePage(
  db: Db,
  position: ActivityPosition,
  { scope, limit }: { scope: ActivityScope; limit: number },
): Promise<ChangePage> {
  const rows = await findChanges(db, position, { scope, limit: limit + 1 });
  const current = readSnapshot(rows[0]?.current);
  const snapshot = position.page?.snapshot ?? current;
  if (position.seen.until > current.until || snapshot.until > current.until) throw new UnknownPositionError();
  const changes = rows.flatMap((row) => readChange(row) ?? []);
  return { snapshot, changes: changes.slice(0, limit), isLast: changes.length <= limit };
}

/** The position of a client that has read `page`, which began at `position`. */
export function positionAfter(position: ActivityPosition, { snapshot, changes, isLast }: ChangePage): ActivityPosition {
  const last = changes.at(-1);
  if (isLast || !last) return { seen: snapshot };
  return { seen: position.seen, page: { snapshot, key: last.key } };
}

/** The start of a new subscription: the current snapshot, and the answers that are being written in it. */
export async function findActivityStart(
  db: Db,
  scope: ActivityScope,
): Promise<{ snapshot: Snapshot; repliesInProgress: ReplyInProgress[] }> {
  const isMatching = and(hasStatus(runs.status, RUNNING_STATUSES), isInScope(scope, runs.threadId, threads.chatId));
  const matching = sql`(select ${runs.id} from ${runs} join ${threads} on ${threads.id} = ${runs.threadId}
    where ${isMatching} order by ${runs.queuedAt}, ${runs.id} limit ${MAX_REPLIES_IN_PROGRESS})`;
  const textSoFar = sql<string>`coalesce((select string_agg(${runText.text}, '' order by ${runText.offset})
    from ${runText} where ${runText.runId} = ${runs.id}), '')`;
  const rows = await db
    .select({ current: sql<string>`now.snapshot::text`, run: runs, text: textSoFar })
    .from(NOW)
    .leftJoin(runs, sql`${runs.id} in ${matching}`)
    .orderBy(runs.queuedAt, runs.id);
  return {
    snapshot: readSnapshot(rows[0]?.current),
    repliesInProgress: rows.flatMap(({ run, text }) => (run ? [{ run, text }] : [])),
  };
}

/** The current snapshot of the database. */
export async function findSnapshot(db: Db): Promise<Snapshot> {
  const [row] = await db.select({ current: sql<string>`now.snapshot::text` }).from(NOW);
  return readSnapshot(row?.current);
}

/**
 * Resets transaction numbers that this server has not reached yet. They come from a restored dump of another server. Without the
 * reset, all those rows would count as changed once this server reaches their numbers.
 */
export async function forgetForeignChanges(db: Db): Promise<void> {
  for (const table of [messages, replies, runs, runText, toolCalls]) {
    // 3 is the first transaction of any server, and every snapshot shows it. The index on `changed_in` makes this cheap. `runText`
    // has no such index, but holds only answers that are being written.
    await db
      .update(table)
      .set({ changedIn: sql`'3'::xid8` })
      .where(sql`${table.changedIn} >= pg_snapshot_xmax(pg_current_snapshot())`);
  }
}

/** The position is ahead of this database: it comes from another one, or from before a restore. */
export class UnknownPositionError extends BadInputError {
  constructor() {
    super(
      "'after' is a cursor of another database, or from before a restore: subscribe without it, and read the data again",
    );
  }
}

function readSnapshot(text: string | undefined): Snapshot {
  const snapshot = parseSnapshot(text ?? "");
  if (!snapshot) throw new Error(`the server returned an invalid snapshot: ${text}`);
  return snapshot;
}

function isInScope(
  { sandbox, threadId, chatId }: ActivityScope,
  thread: SQLWrapper,
  chat: SQLWrapper,
): SQL | undefined {
  return and(
    isChatInEnvironment(chat, sandbox),
    threadId === undefined ? undefined : sql`${thread} = ${threadId}::uuid`,
    chatId === undefined ? undefined : sql`${chat} = ${chatId}::uuid`,
  );
}
