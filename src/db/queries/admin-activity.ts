/**
 * What has changed: the rows that a snapshot does not show, for admins who follow what goes on.
 *
 * Each row that admins see knows the transaction that changed it last (`changed_in`). Whoever has seen a snapshot has missed
 * nothing but the rows whose transaction it does not show, whatever the order of commits; and such a row is news once. A
 * state is told, not its history: what changed twice in between is told as it is now.
 */
import { and, inArray, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { BadInputError } from "../../errors.ts";
import type { Db } from "../client.ts";
import { messages, replies, runs, runText, threads, toolCalls } from "../schema/index.ts";
import { parseSnapshot, type Snapshot } from "../snapshot.ts";
import type { MessageRow } from "./admin-messages.ts";
import type { RunRow } from "./admin-runs.ts";
import type { ThreadRow } from "./admin-threads.ts";
import { TOOL_CALL_COLUMNS, type ToolCallRow } from "./admin-tool-calls.ts";
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
  readonly thread: ThreadRow;
}

/** A change, with its rows as they were when it was read. */
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
  const isAsked = and(inArray(runs.status, [...RUNNING]), inScope(scope, runs.threadId, threads.chatId));
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

/** The snapshot that a statement reads all of its rows from: so each look is one statement, and needs no transaction. */
const NOW = sql`(select pg_current_snapshot() as snapshot) as now`;

function readSnapshot(text: string | undefined): Snapshot {
  const snapshot = parseSnapshot(text ?? "");
  if (!snapshot) throw new Error(`the server gave a snapshot that cannot be read: ${text}`);
  return snapshot;
}

/** What a statement that looks for news has conditions on. */
interface Looking {
  readonly inThread: boolean;
  readonly inChat: boolean;
  /** Whether a page is read on, in its own snapshot. */
  readonly onPage: boolean;
}

type NewsStatement = ReturnType<typeof prepareNews>;
type FoundChange = Awaited<ReturnType<NewsStatement["execute"]>>[number];

/** Made once for each database: the process looks up to a hundred times a second, and the text is long. */
const statements = new WeakMap<Db, Map<string, NewsStatement>>();

/** At least one row, which says the snapshot; one without a kind where nothing was found. */
function findChanges(
  db: Db,
  { seen, page }: ActivityPlace,
  { scope: { threadId, chatId }, limit }: { scope: ActivityScope; limit: number },
): Promise<FoundChange[]> {
  const looking = { inThread: threadId !== undefined, inChat: chatId !== undefined, onPage: page !== undefined };
  const ofDatabase = statements.get(db) ?? new Map<string, NewsStatement>();
  statements.set(db, ofDatabase);
  const name = Object.entries(looking)
    .flatMap(([what, isSo]) => (isSo ? what : []))
    .join(" ");
  const statement = ofDatabase.get(name) ?? prepareNews(db, looking);
  ofDatabase.set(name, statement);
  return statement.execute({
    ...{ oldest: String(seen.oldest), seen: seen.text, threadId, chatId, limit },
    ...(page && { page: page.snapshot.text, ...valuesOfKey(page.key) }),
  });
}

function valuesOfKey({ changedIn, kind, id, offset }: ChangeKey) {
  return { changedIn: String(changedIn), kind: CHANGE_KINDS.indexOf(kind), id, offset };
}

function prepareNews(db: Db, { inThread, inChat, onPage }: Looking) {
  const given = (name: string) => sql.placeholder(name);
  const within = onPage ? sql`${given("page")}::pg_snapshot` : sql`pg_current_snapshot()`;
  const isNews = (changedIn: SQLWrapper, threadId: SQLWrapper) =>
    // The first condition is the index's, the others are exact.
    sql`${changedIn} >= ${given("oldest")}::xid8 and not pg_visible_in_snapshot(${changedIn}, ${given("seen")}::pg_snapshot)
      and pg_visible_in_snapshot(${changedIn}, ${within})
      ${inThread ? sql`and ${threadId} = ${given("threadId")}::uuid` : sql``}`;
  const isAfter = sql`(changed_in, kind, changes.id, "offset")
    > (${given("changedIn")}::xid8, ${given("kind")}::integer, ${given("id")}::uuid, ${given("offset")}::integer)`;
  const conditions = [
    onPage ? isAfter : undefined,
    inChat ? sql`${threads.chatId} = ${given("chatId")}::uuid` : undefined,
  ];
  const news = sql`
    select changes.* from (
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
    ) as changes ${inChat ? sql`join ${threads} on ${threads.id} = changes.thread_id` : sql``}
    where ${and(...conditions) ?? sql`true`}
    order by changed_in, kind, changes.id, "offset"
    limit ${given("limit")}`;
  const ofKinds = (...kinds: ChangeKind[]) =>
    sql`news.kind in (${sql.raw(kinds.map((kind) => CHANGE_KINDS.indexOf(kind)).join(", "))})`;
  return db
    .select({
      current: sql<string>`now.snapshot::text`,
      kind: sql<number | null>`news.kind`,
      id: sql<string>`news.id`,
      changedIn: sql<string>`news.changed_in::text`,
      offset: sql<number>`news."offset"`,
      delta: sql<string | null>`news.delta`,
      thread: threads,
      message: messages,
      run: runs,
      toolCall: TOOL_CALL_COLUMNS,
    })
    .from(sql`${NOW} left join (${news}) as news on true`)
    .leftJoin(threads, sql`${threads.id} = news.thread_id`)
    .leftJoin(messages, sql`${messages.id} = news.id and ${ofKinds("message")}`)
    .leftJoin(runs, sql`${runs.id} = news.run_id and ${ofKinds("run", "delivery", "text")}`)
    .leftJoin(toolCalls, sql`${toolCalls.id} = news.id and ${ofKinds("toolCall")}`)
    .orderBy(sql`news.changed_in, news.kind, news.id, news."offset"`)
    .prepare("news");
}

function readChange({ kind: number, id, changedIn, offset, delta, ...rows }: FoundChange): Change | null {
  const { thread, message, run, toolCall } = rows;
  if (number === null || !thread) return null;
  const kind = kindOf(number);
  const place = { key: { changedIn: BigInt(changedIn), kind, id, offset }, thread };
  if (kind === "message") return message && { ...place, kind, message };
  if (kind === "toolCall") return toolCall && { ...place, kind, toolCall };
  if (kind === "text") return run && { ...place, kind, run, from: offset, delta: delta ?? "" };
  return run && { ...place, kind, run };
}

function kindOf(number: number): ChangeKind {
  const name = CHANGE_KINDS[number];
  if (!name) throw new Error(`no kind of change has the number ${number}`);
  return name;
}

function inScope({ threadId, chatId }: ActivityScope, thread: SQLWrapper, chat: SQLWrapper): SQL | undefined {
  return and(
    threadId === undefined ? undefined : sql`${thread} = ${threadId}::uuid`,
    chatId === undefined ? undefined : sql`${chat} = ${chatId}::uuid`,
  );
}
