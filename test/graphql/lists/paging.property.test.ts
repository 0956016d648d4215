/**
 * Relay's rules for connections, for any list, order, page size and direction, while rows are added and removed: every row that
 * exists all the time appears exactly once, in the order of the list.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { inArray } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { imports, invites, messages, runs, staff, threads, toolCalls } from "../../../src/db/schema/index.ts";
import { decodeGlobalId, encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import {
  insertMessages,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
  instant,
} from "../../support/conversations.ts";
import { fc } from "../../support/property.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

/** How to read, add and remove rows of a list. `tick` gives the time of a row: a difference of 1 is one microsecond. */
interface List {
  /** The field, with `ARGS` where its paging arguments go and `PAGE` where its selection goes. */
  readonly field: string;
  readonly fields: readonly string[];
  readonly filter?: string;
  readonly table: PgTable & { readonly id: AnyPgColumn };
  insert(tick: number): Promise<{ id: string }>;
}

const ROWS = 14;
const TICKS = 5;

let admins: AdminClient;
const home = { threadId: "", chatId: "", runId: "", position: 1_000 };
beforeAll(async () => {
  admins = await startAdminApi();
  const thread = await insertThread(admins.db, { lastActivityAt: instant("2000-01-01T00:00:00Z") });
  const run = await insertRun(admins.db, { threadId: thread.id });
  Object.assign(home, { threadId: thread.id, chatId: thread.chatId, runId: run.id });
});
afterAll(() => admins.close());

const at = (tick: number) => instant(`2026-11-15T08:00:00.00000${tick}Z`);
const later = (tick: number) => instant(`2026-11-15T08:00:01.00${tick}Z`);
/** Positions are unique. Each new row gets a free one among the others. */
const position = (tick: number) => tick * 100_000 + home.position++;

const insertMessage = async (tick: number) => {
  const row = { text: "found", createdAt: at(tick), position: position(tick) };
  const [message] = await insertMessages(admins.db, home.threadId, [row]);
  return { id: message?.id ?? "" };
};
const insertTimedRun = (tick: number) =>
  insertRun(admins.db, {
    threadId: home.threadId,
    position: position(tick),
    queuedAt: at(tick),
    startedAt: instant("2026-11-15T08:00:01Z"),
    completedAt: later(tick),
  });
const insertTimedCall = (tick: number) =>
  insertToolCall(
    admins.db,
    { id: home.runId, threadId: home.threadId },
    {
      round: tick + 1,
      position: home.position++,
      createdAt: at(tick),
      startedAt: instant("2026-11-15T08:00:01Z"),
      completedAt: later(tick),
    },
  );
const insertInvite = async (tick: number) => {
  const row = { codeHash: randomBytes(32), role: "staff" as const, expiresAt: new Date("2999-01-01T00:00:00Z") };
  const [invite] = await admins.db
    .insert(invites)
    .values({ ...row, createdAt: at(tick) })
    .returning();
  return { id: invite?.id ?? "" };
};
const insertImport = async (tick: number) => {
  const completedAt = at(tick);
  const row = { kind: "sales" as const, fileName: "f", fileHash: "0", importedBy: "x", rowCount: 1, changedCount: 1 };
  const [found] = await admins.db
    .insert(imports)
    .values({ ...row, startedAt: completedAt, completedAt })
    .returning();
  return { id: found?.id ?? "" };
};

const root = (name: string) => `${name}(ARGS) PAGE`;
const ofThread = (name: string) => `thread(id: "HOME") { ${name}(ARGS) PAGE }`;
const LISTS: Record<string, List> = {
  threads: {
    field: root("threads"),
    fields: ["LAST_ACTIVITY_AT", "CREATED_AT"],
    table: threads,
    insert: (tick) => insertThread(admins.db, { lastActivityAt: at(tick), createdAt: at(TICKS - tick) }),
  },
  "threads of a type of chat": {
    field: root("threads"),
    fields: ["LAST_ACTIVITY_AT"],
    filter: "{ chatType: [PRIVATE] }",
    table: threads,
    insert: (tick) => insertThread(admins.db, { lastActivityAt: at(tick) }),
  },
  messages: { field: root("messages"), fields: ["CREATED_AT"], table: messages, insert: insertMessage },
  "messages searched": {
    field: root("messages"),
    fields: ["CREATED_AT"],
    filter: '{ text: "found" }',
    table: messages,
    insert: insertMessage,
  },
  "a thread's messages": {
    field: ofThread("messages"),
    fields: ["CREATED_AT"],
    table: messages,
    insert: insertMessage,
  },
  runs: { field: root("runs"), fields: ["QUEUED_AT", "DURATION"], table: runs, insert: insertTimedRun },
  "a thread's runs": {
    field: ofThread("runs"),
    fields: ["QUEUED_AT", "DURATION"],
    table: runs,
    insert: insertTimedRun,
  },
  "tool calls": {
    field: root("toolCalls"),
    fields: ["CREATED_AT", "DURATION"],
    table: toolCalls,
    insert: insertTimedCall,
  },
  "a thread's tool calls": {
    field: ofThread("toolCalls"),
    fields: ["CREATED_AT", "DURATION"],
    table: toolCalls,
    insert: insertTimedCall,
  },
  staff: {
    field: root("staff"),
    fields: ["CREATED_AT", "NAME"],
    table: staff,
    insert: (tick) =>
      insertStaffMember(admins.db, { createdAt: at(tick), name: ["Ánh", "anh", "", "Zoë ", "Đào"][tick] ?? "b" }),
  },
  invites: { field: root("invites"), fields: ["CREATED_AT"], table: invites, insert: insertInvite },
  imports: { field: root("imports"), fields: ["COMPLETED_AT"], table: imports, insert: insertImport },
};

/** An insert or delete between two pages: `turn` is the number of the next page, `tick` the time of a new row. */
const change = fc.record({ turn: fc.nat(4), isInsert: fc.boolean(), tick: fc.nat(TICKS), victim: fc.nat(ROWS - 1) });
const walk = fc.record({
  ticks: fc.array(fc.nat(TICKS), { minLength: ROWS, maxLength: ROWS }),
  changes: fc.array(change, { maxLength: 6 }),
  size: fc.integer({ min: 1, max: ROWS + 2 }),
  isBackward: fc.boolean(),
  direction: fc.constantFrom("ASC", "DESC"),
  fieldIndex: fc.nat(1),
});
type Walk = typeof walk extends fc.Arbitrary<infer Value> ? Value : never;

test.each(Object.keys(LISTS))("%s: no row that exists all the time is lost or duplicated", async (name) => {
  const list = LISTS[name];
  if (list === undefined) throw new Error(`no list ${name}`);
  await fc.assert(
    fc.asyncProperty(walk, async (plan) => {
      const ids: string[] = [];
      for (const tick of plan.ticks) ids.push((await list.insert(tick)).id);
      const expected = await readWhole(list, plan, ids);

      const { walked, touched } = await walkWith(list, plan, ids);

      const lasting = expected.filter((id) => !touched.has(id));
      expect(walked.filter((id) => ids.includes(id) && !touched.has(id))).toEqual(lasting);
      expect(new Set(walked).size).toBe(walked.length);
      await removeRows(list, [...ids, ...touched]);
    }),
    { numRuns: 10 },
  );
});

/** In the order of paging. */
async function readWhole(list: List, plan: Walk, ids: readonly string[]): Promise<string[]> {
  const page = await readPage(list, { ...plan, size: 100 }, null);
  return page.nodes.map(idOf).filter((id) => ids.includes(id));
}

async function walkWith(list: List, plan: Walk, ids: readonly string[]) {
  const walked: string[] = [];
  const touched = new Set<string>();
  let cursor: string | null = null;
  for (let turn = 0; ; turn++) {
    for (const change of plan.changes.filter((one) => one.turn === turn)) await applyChange(list, change, ids, touched);
    const { nodes, pageInfo }: Page = await readPage(list, plan, cursor);
    walked.push(...(plan.isBackward ? nodes.toReversed() : nodes).map(idOf));
    const hasMore = plan.isBackward ? pageInfo.hasPreviousPage : pageInfo.hasNextPage;
    if (!hasMore) return { walked: plan.isBackward ? walked.toReversed() : walked, touched };
    expect(nodes).toHaveLength(plan.size);
    // A cursor that leads back would loop forever.
    expect(turn).toBeLessThan(2 * ROWS);
    cursor = plan.isBackward ? pageInfo.startCursor : pageInfo.endCursor;
  }
}

async function applyChange(
  list: List,
  change: { isInsert: boolean; tick: number; victim: number },
  ids: readonly string[],
  touched: Set<string>,
): Promise<void> {
  const id = change.isInsert ? (await list.insert(change.tick)).id : (ids[change.victim] ?? randomUUID());
  touched.add(id);
  if (!change.isInsert) await removeRows(list, [id]);
}

async function removeRows({ table }: List, ids: readonly string[]): Promise<void> {
  await admins.db.delete(table).where(inArray(table.id, [...ids]));
}

interface Page {
  readonly nodes: { id: string }[];
  readonly pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
}

async function readPage(list: List, plan: Walk, cursor: string | null): Promise<Page> {
  const [size, edge] = plan.isBackward ? ["last", "before"] : ["first", "after"];
  const orderField = list.fields[plan.fieldIndex % list.fields.length];
  const args = [
    `${size}: ${plan.size}`,
    ...(cursor === null ? [] : [`${edge}: "${cursor}"`]),
    `orderBy: { field: ${orderField}, direction: ${plan.direction} }`,
    ...(list.filter ? [`filter: ${list.filter}`] : []),
  ].join(", ");
  const page = "{ nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }";
  const field = list.field.replace("ARGS", args).replace("PAGE", page);
  const data = await admins.query(`{ ${field.replace("HOME", encodeGlobalId("Thread", home.threadId))} }`);
  const [top] = Object.values<Record<string, unknown>>(data);
  // The list may be the only field of a thread.
  return (top && "pageInfo" in top ? top : Object.values(top ?? {})[0]) as Page;
}

function idOf(node: { id: string }): string {
  return decodeGlobalId(node.id).id;
}
