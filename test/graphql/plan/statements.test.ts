import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import {
  insertMessages,
  insertReply,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
} from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
const threadIds: string[] = [];
beforeAll(async () => {
  admins = await startAdminApi();
  for (let index = 0; index < 50; index++) threadIds.push(await addThread());
});
afterAll(() => admins.close());

async function addThread(): Promise<string> {
  const { db } = admins;
  const thread = await insertThread(db);
  const author = await insertStaffMember(db);
  const run = await insertRun(db, { threadId: thread.id });
  await insertMessages(db, thread.id, [
    { authorId: author.id, runId: run.id },
    { authorId: author.id, runId: run.id },
    { authorId: author.id, runId: run.id },
  ]);
  await insertToolCall(db, run);
  await insertToolCall(db, run, { position: 2 });
  await insertReply(db, { runId: run.id, chatId: thread.chatId });
  return encodeGlobalId("Thread", thread.id);
}

const PAGE_INFO = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount";

test.each([
  [
    "threads",
    9,
    "chat { title } messageCount lastMessage { text author { name } } lastFromStaff: lastMessage(role: USER) { text }",
  ],
  [
    "threads",
    13,
    `messages(first: 2) { nodes { text author { name } } ${PAGE_INFO} } runs { nodes { status } ${PAGE_INFO} } toolCalls { nodes { name } ${PAGE_INFO} }`,
  ],
  [
    "messages",
    7,
    'revisions { text } excerpts(matching: "hello") { text } thread { title chat { title } } author { name } run { status }',
  ],
  [
    "runs",
    10,
    `thread { title } message { text } question { text revisions { text } } asker { name } delivery { status } toolCalls { nodes { name } ${PAGE_INFO} }`,
  ],
  ["toolCalls", 5, "arguments output outputPreview { text } run { status } thread { title }"],
])(
  "%s with everything that belongs to them take as many statements for 50 rows as for one",
  async (list, most, fields) => {
    const query = `query ($n: Int!) { ${list}(first: $n) { nodes { id ${fields} } pageInfo { hasNextPage } totalCount } }`;

    const one = await statementsOf(query, { n: 1 });
    const fifty = await statementsOf(query, { n: 50 });

    expect(fifty.length).toBe(one.length);
    expect(new Set(fifty)).toEqual(new Set(one));
    expect(one.length).toBeLessThanOrEqual(most);
  },
);

test("nodes take one statement per type for any number of ids", async () => {
  const query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Thread { title } } }";

  const statements = await statementsOf(query, { ids: threadIds });

  expect(statements).toHaveLength(1);
});

test("each thread has its own page, although one statement reads all pages", async () => {
  const { nodes } = await admins.query(
    "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Thread { messages(last: 2) { nodes { thread { id } } pageInfo { hasPreviousPage hasNextPage } totalCount } } } }",
    { ids: threadIds },
  );

  for (const thread of nodes) {
    expect(thread.messages).toEqual({
      nodes: [{ thread: { id: thread.id } }, { thread: { id: thread.id } }],
      pageInfo: { hasPreviousPage: true, hasNextPage: false },
      totalCount: 3,
    });
  }
});

test("a count is read only if it is requested", async () => {
  const without = await statementsOf("{ threads { nodes { id } } }", {});
  const alone = await statementsOf("{ threads { totalCount } }", {});

  expect(without.filter((statement) => statement.includes("count("))).toEqual([]);
  expect(alone).toHaveLength(1);
});

test("a field is read once under however many aliases", async () => {
  for (const [list, field, mark] of [
    ["threads", "messageCount", "count("],
    ["toolCalls", "output", '"output"'],
  ] as const) {
    const aliases = Array.from({ length: 20 }, (_, index) => `a${index}: ${field}`).join(" ");
    const readsOf = async (fields: string) => {
      const statements = await statementsOf(`{ ${list} { nodes { ${fields} } } }`, {});
      return statements.join("\n").split(mark).length;
    };

    expect([field, await readsOf(aliases)]).toEqual([field, await readsOf(field)]);
  }
});

async function statementsOf(query: string, variables: object): Promise<string[]> {
  admins.statements.length = 0;
  await admins.query(query, variables);
  return admins.statements.toSorted();
}
