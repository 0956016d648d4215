/**
 * Changes, and the one statement that finds them with the rows that they are about.
 */
import { and, type SQLWrapper, sql } from "drizzle-orm";
import type { Db } from "../../client.ts";
import { messages, replies, runs, runText, threads, toolCalls } from "../../schema/index.ts";
import type { Snapshot } from "../../snapshot.ts";
import type { MessageRow } from "./messages.ts";
import type { RunRow } from "./runs.ts";
import { isThreadOnSide } from "./environments.ts";
import type { ThreadRow } from "./threads.ts";
import { TOOL_CALL_COLUMNS, type ToolCallRow } from "./tool-calls.ts";

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

/** Whose changes: of one thread, of one chat, or of all, of a side (`admin-sides.ts`) always. */
export type ActivityScope = {
  readonly sandbox: boolean;
  readonly threadId?: string | undefined;
  readonly chatId?: string | undefined;
};

/** How far somebody has come: all that `seen` shows, and of what `page.snapshot` shows beyond it, what is not after `page.key`. */
export interface ActivityPlace {
  readonly seen: Snapshot;
  readonly page?: { readonly snapshot: Snapshot; readonly key: ChangeKey };
}

/** The snapshot that a statement reads all of its rows from: so each look is one statement, and needs no transaction. */
export const NOW = sql`(select pg_current_snapshot() as snapshot) as now`;

/** What a statement that looks for news has conditions on. */
interface Looking {
  readonly sandbox: boolean;
  readonly inThread: boolean;
  readonly inChat: boolean;
  /** Whether a page is read on, in its own snapshot. */
  readonly onPage: boolean;
}

type NewsStatement = ReturnType<typeof prepareNews>;
type FoundChange = Awaited<ReturnType<NewsStatement["execute"]>>[number];

/**
 * Put together once for each database: the process looks up to a hundred times a second, and the text is long. (Postgres plans
 * it anew each time: how much is news is in the parameters.)
 */
const statements = new WeakMap<Db, Map<string, NewsStatement>>();

/**
 * The rows of the next `limit` changes, in their order: see `readChange`. There is at least one, which says the snapshot that all
 * were read from; it has no kind where nothing was found.
 */
export function findChanges(
  db: Db,
  { seen, page }: ActivityPlace,
  { scope: { sandbox, threadId, chatId }, limit }: { scope: ActivityScope; limit: number },
): Promise<FoundChange[]> {
  const looking = {
    sandbox,
    inThread: threadId !== undefined,
    inChat: chatId !== undefined,
    onPage: page !== undefined,
  };
  const ofDatabase = statements.get(db) ?? new Map<string, NewsStatement>();
  statements.set(db, ofDatabase);
  const name = JSON.stringify(looking);
  const statement = ofDatabase.get(name) ?? prepareNews(db, looking);
  ofDatabase.set(name, statement);
  return statement.execute({
    oldest: String(seen.oldest),
    seen: seen.text,
    threadId,
    chatId,
    limit,
    ...(page && { page: page.snapshot.text, ...valuesOfKey(page.key) }),
  });
}

function valuesOfKey({ changedIn, kind, id, offset }: ChangeKey) {
  return { changedIn: String(changedIn), kind: CHANGE_KINDS.indexOf(kind), id, offset };
}

function prepareNews(db: Db, { sandbox, inThread, inChat, onPage }: Looking) {
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
    isThreadOnSide(sql`changes.thread_id`, sandbox),
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
    where ${and(...conditions)}
    order by changed_in, kind, changes.id, "offset"
    limit ${given("limit")}`;
  /** The id where the change is of one of these kinds: of others nothing is looked up. */
  const ofKinds = (kinds: readonly ChangeKind[], id: "id" | "run_id") => {
    const numbers = kinds.map((kind) => CHANGE_KINDS.indexOf(kind)).join(", ");
    return sql.raw(`case when news.kind in (${numbers}) then news.${id} end`);
  };
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
    .leftJoin(messages, sql`${messages.id} = ${ofKinds(["message"], "id")}`)
    .leftJoin(runs, sql`${runs.id} = ${ofKinds(["run", "delivery", "text"], "run_id")}`)
    .leftJoin(toolCalls, sql`${toolCalls.id} = ${ofKinds(["toolCall"], "id")}`)
    .orderBy(sql`news.changed_in, news.kind, news.id, news."offset"`)
    .prepare("news");
}

/** The change that a row says; null where it says that there is none. */
export function readChange(row: FoundChange): Change | null {
  const { kind: number, id, changedIn, offset, delta, thread } = row;
  if (number === null) return null;
  const kind = kindOf(number);
  const place = { key: { changedIn: BigInt(changedIn), kind, id, offset }, thread: there(thread) };
  if (kind === "message") return { ...place, kind, message: there(row.message) };
  if (kind === "toolCall") return { ...place, kind, toolCall: there(row.toolCall) };
  const run = there(row.run);
  return kind === "text" ? { ...place, kind, run, from: offset, delta: delta ?? "" } : { ...place, kind, run };
}

/** Read from one snapshot, all that refer to one another are there. */
function there<Row>(row: Row | null): Row {
  if (row === null) throw new Error("a change was read without the rows that it is about");
  return row;
}

function kindOf(number: number): ChangeKind {
  const name = CHANGE_KINDS[number];
  if (!name) throw new Error(`no kind of change has the number ${number}`);
  return name;
}
