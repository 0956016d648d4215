import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
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

/** Threads in groups of equal times, one microsecond apart, which a `Date` cannot tell apart. */
const THREADS = 23;

let admins: AdminClient;
let threadId: string;
beforeAll(async () => {
  admins = await startAdminApi();
  for (let index = 0; index < THREADS; index++) {
    const microseconds = String(Math.floor(index / 3)).padStart(6, "0");
    await insertThread(admins.db, {
      title: `${index}`,
      lastActivityAt: instant(`2026-11-15T08:00:00.${microseconds}Z`),
    });
  }
  const long = await insertThread(admins.db, { title: "long", lastActivityAt: instant("2020-01-01T00:00:00Z") });
  threadId = encodeGlobalId("Thread", long.id);
  await insertMessages(
    admins.db,
    long.id,
    Array.from({ length: 200 }, (_, index) => ({ text: `${index} sữa đá 🧋 \u{1F468}‍\u{1F469}‍\u{1F467} e\u0301` })),
  );
});
afterAll(() => admins.close());

const PAGE = "nodes { title } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
const FORWARD = `query ($n: Int!, $at: String, $o: ThreadOrder) { page: threads(first: $n, after: $at, orderBy: $o) { ${PAGE} } }`;
const BACKWARD = `query ($n: Int!, $at: String, $o: ThreadOrder) { page: threads(last: $n, before: $at, orderBy: $o) { ${PAGE} } }`;

test("paging in both directions and orders, with any page size, shows every thread once", async () => {
  const whole = (await admins.query("{ threads(first: 100) { nodes { title } } }")).threads.nodes.map(title);

  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 30 }),
      fc.boolean(),
      fc.boolean(),
      async (size, isBackward, isRising) => {
        const order = isRising ? { field: "LAST_ACTIVITY_AT", direction: "ASC" } : null;
        const walked = await walk(size, isBackward, order);
        expect(walked).toEqual(isRising ? whole.toReversed() : whole);
      },
    ),
    { numRuns: 12 },
  );
  expect(new Set(whole).size).toBe(THREADS + 1);
});

test("a page between two cursors knows whether rows exist on both sides", async () => {
  const { threads } = await admins.query("{ threads(first: 10) { edges { cursor node { title } } } }");
  const cursors = threads.edges.map((edge: { cursor: string }) => edge.cursor);
  const between = (args: string) => `threads(${args}, after: "${cursors[2]}", before: "${cursors[7]}") { ${PAGE} }`;

  const data = await admins.query(
    `{ all: ${between("first: 9")} first: ${between("first: 2")} last: ${between("last: 2")} }`,
  );

  const titles = threads.edges.map((edge: { node: { title: string } }) => edge.node.title);
  expect(data.all.nodes.map(title)).toEqual(titles.slice(3, 7));
  expect(data.all.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
  expect(data.first.nodes.map(title)).toEqual(titles.slice(3, 5));
  expect(data.last.nodes.map(title)).toEqual(titles.slice(5, 7));
});

test("a cursor whose row does not match the filter still divides the list, and its row counts on neither side", async () => {
  const { threads } = await admins.query("{ threads { pageInfo { startCursor } } }");
  const withoutNewest = 'filter: { lastActivity: { until: "2026-11-15T08:00:00.000007Z" } }';
  const at = threads.pageInfo.startCursor;

  const data = await admins.query(`{ after: threads(first: 100, after: "${at}", ${withoutNewest}) { ${PAGE} }
    before: threads(last: 100, before: "${at}", ${withoutNewest}) { ${PAGE} } }`);

  expect(data.after.nodes).toHaveLength(THREADS + 1 - 2);
  expect(data.after.pageInfo).toMatchObject({ hasPreviousPage: false, hasNextPage: false });
  expect(data.before.nodes).toEqual([]);
  expect(data.before.pageInfo).toMatchObject({ hasPreviousPage: false, hasNextPage: true });
});

test("the first page has no previous page, the last no next page, and an empty list neither", async () => {
  const first = (await admins.query(FORWARD, { n: 5 })).page.pageInfo;
  const last = (await admins.query(BACKWARD, { n: 5 })).page.pageInfo;
  const whole = (await admins.query(FORWARD, { n: 100 })).page.pageInfo;
  const none = (
    await admins.query("{ runs { nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }")
  ).runs;

  expect(first).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  expect(last).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
  expect(whole).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
  expect(none).toEqual({
    nodes: [],
    pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
  });
});

test("a thread of 200 messages is read exactly and in order, in two pages of 100", async () => {
  const query = `query ($id: ID!, $at: String) { thread(id: $id) { messageCount
    messages(first: 100, after: $at) { totalCount nodes { text } pageInfo { hasNextPage endCursor } } } }`;

  const one = (await admins.query(query, { id: threadId })).thread;
  const two = (await admins.query(query, { id: threadId, at: one.messages.pageInfo.endCursor })).thread;

  const texts = [...one.messages.nodes, ...two.messages.nodes].map((message: { text: string }) => message.text);
  expect(texts).toEqual(Array.from({ length: 200 }, (_, index) => `${index} sữa đá 🧋 👨‍👩‍👧 e\u0301`));
  expect([one.messages.pageInfo.hasNextPage, two.messages.pageInfo.hasNextPage]).toEqual([true, false]);
  expect([one.messageCount, one.messages.totalCount]).toEqual([200, 200]);
});

test("the last messages of a thread come in order, and their cursor leads to the earlier ones", async () => {
  const query = `query ($id: ID!, $at: String) { thread(id: $id) {
    messages(last: 3, before: $at) { nodes { text } pageInfo { hasNextPage hasPreviousPage startCursor } } } }`;

  const last = (await admins.query(query, { id: threadId })).thread.messages;
  const before = (await admins.query(query, { id: threadId, at: last.pageInfo.startCursor })).thread.messages;

  const numbers = (page: { nodes: { text: string }[] }) => page.nodes.map(({ text }) => Number.parseInt(text, 10));
  expect([numbers(last), numbers(before)]).toEqual([
    [197, 198, 199],
    [194, 195, 196],
  ]);
  expect(before.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
});

test("messages, runs, tool calls and staff members can be paged without loss", async () => {
  const thread = await insertThread(admins.db);
  for (let index = 0; index < 7; index++) {
    const at = instant(`2026-11-15T08:00:00.00000${index >> 1}Z`);
    const run = await insertRun(admins.db, { threadId: thread.id, position: index + 1, queuedAt: at });
    await insertToolCall(admins.db, run, { createdAt: at });
    await insertToolCall(admins.db, run, { createdAt: at, position: 2 });
    await insertStaffMember(admins.db, { createdAt: at });
  }

  for (const [list, count] of [
    ["messages", 200],
    ["runs", 7],
    ["toolCalls", 14],
    ["staff", 7],
  ] as const) {
    const ids = await walkIds(list);
    expect([list, new Set(ids).size, ids.length]).toEqual([list, count, count]);
  }
});

test.each(["first: 0", "first: 101", "first: -1", "last: 0", "last: 101", "first: 1, last: 1"])(
  "threads(%s) is refused",
  async (args) => {
    expect(await admins.refusal(`{ threads(${args}) { nodes { id } } }`)).toEqual(["BAD_USER_INPUT"]);
  },
);

test("a forged or truncated cursor, or one of another list, order, direction or thread, is refused", async () => {
  const other = encodeGlobalId("Thread", (await insertThread(admins.db)).id);
  const cursor = (await admins.query("{ threads(first: 1) { pageInfo { endCursor } } }")).threads.pageInfo.endCursor;
  const ofThread = (
    await admins.query(`{ thread(id: "${threadId}") { messages(first: 1) { pageInfo { endCursor } } } }`)
  ).thread;
  const forged = [
    "",
    "x",
    "🧋",
    cursor.slice(0, -4),
    `${cursor}AA`,
    `${cursor}=`,
    word("threads.lastActivityAt DESC - 99999999999999999999 01990000-0000-7000-8000-000000000000"),
    word("threads.lastActivityAt DESC - 1; 01990000-0000-7000-8000-000000000000"),
    word("threads.lastActivityAt DESC - 1 not-a-uuid"),
    word("threads.lastActivityAt DESC - 1"),
  ].map((text) => `threads(after: ${JSON.stringify(text)}) { nodes { id } }`);
  const foreign = [
    `messages(after: "${cursor}") { nodes { id } }`,
    `threads(after: "${cursor}", orderBy: { field: CREATED_AT, direction: DESC }) { nodes { id } }`,
    `threads(before: "${cursor}", orderBy: { field: LAST_ACTIVITY_AT, direction: ASC }) { nodes { id } }`,
    `thread(id: "${other}") { messages(after: "${ofThread.messages.pageInfo.endCursor}") { nodes { id } } }`,
  ];

  for (const field of [...forged, ...foreign]) {
    expect([field, await admins.refusal(`{ ${field} }`)]).toEqual([field, ["BAD_USER_INPUT"]]);
  }
  expect(admins.errors).toEqual([]);
});

async function walk(size: number, isBackward: boolean, order: object | null): Promise<string[]> {
  const titles: string[] = [];
  let at: string | null = null;
  for (let hasMore = true; hasMore; ) {
    const { page } = await admins.query(isBackward ? BACKWARD : FORWARD, { n: size, at, o: order });
    const found = page.nodes.map(title);
    titles.splice(isBackward ? 0 : titles.length, 0, ...found);
    // After the first page, there are always rows on the other side.
    expect(isBackward ? page.pageInfo.hasNextPage : page.pageInfo.hasPreviousPage).toBe(at !== null);
    hasMore = isBackward ? page.pageInfo.hasPreviousPage : page.pageInfo.hasNextPage;
    at = isBackward ? page.pageInfo.startCursor : page.pageInfo.endCursor;
  }
  return titles;
}

async function walkIds(list: string): Promise<string[]> {
  const ids: string[] = [];
  let at: string | null = null;
  do {
    const query = `query ($at: String) { page: ${list}(first: 3, after: $at) { nodes { id } pageInfo { hasNextPage endCursor } } }`;
    const { page } = await admins.query(query, { at });
    ids.push(...page.nodes.map((node: { id: string }) => node.id));
    at = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  } while (at !== null);
  return ids;
}

function title(thread: { title: string }): string {
  return thread.title;
}

function word(text: string): string {
  return Buffer.from(text).toString("base64url");
}
