import { afterAll, beforeAll, expect, test } from "vitest";
import { messageRevisions } from "../../../src/db/schema/index.ts";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import {
  insertMessages,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
  instant,
} from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

const LARGE = { rows: Array.from({ length: 500 }, (_, index) => `🧋 ${index}`) };

test("a tool call's values can be read whole or as previews; the output is null until the call ends", async () => {
  const thread = await insertThread(admins.db);
  const run = await insertRun(admins.db, { threadId: thread.id });
  await insertToolCall(admins.db, run, { arguments: { limit: 3 }, output: LARGE });
  await insertToolCall(admins.db, run, { position: 2, status: "running", arguments: "not json" });

  const { toolCalls } = await admins.query(`{ toolCalls(orderBy: { field: DURATION, direction: DESC }) { nodes {
    arguments output argumentsPreview { text length isWhole }
    short: outputPreview(length: 12) { text length isWhole } outputPreview { text length isWhole } } } }`);

  const text = JSON.stringify(LARGE).replaceAll('","', '", "').replace('":[', '": [');
  const ended = toolCalls.nodes.find((call: { output: unknown }) => call.output !== null);
  const running = toolCalls.nodes.find((call: { output: unknown }) => call.output === null);
  expect(ended).toEqual({
    arguments: { limit: 3 },
    output: LARGE,
    argumentsPreview: { text: '{"limit": 3}', length: 12, isWhole: true },
    short: { text: '{"rows": ["🧋', length: [...text].length, isWhole: false },
    outputPreview: { text: [...text].slice(0, 500).join(""), length: [...text].length, isWhole: false },
  });
  expect(running).toEqual({
    arguments: "not json",
    output: null,
    argumentsPreview: { text: '"not json"', length: 10, isWhole: true },
    short: null,
    outputPreview: null,
  });
});

test("a list of tool calls reads only the selected values, all in one statement", async () => {
  const plain = await statementsOf("{ toolCalls { nodes { id name status error } } }");
  const whole = await statementsOf(
    "{ toolCalls { nodes { arguments output argumentsPreview { text } outputPreview { text } } } }",
  );
  const cut = await statementsOf("{ toolCalls { nodes { outputPreview { text } } } }");

  expect(plain.join()).not.toMatch(/"(arguments|output)"/);
  expect([plain.length, whole.length, cut.length]).toEqual([1, 2, 2]);
  expect(cut.join()).not.toContain('"arguments"');
});

test("a message preview never cuts a character in half", async () => {
  const thread = await insertThread(admins.db, { lastActivityAt: instant("2030-01-01T00:00:00Z") });
  await insertMessages(admins.db, thread.id, ["ab🧋cd"]);

  const data = await admins.query(
    `query ($id: ID!) { thread(id: $id) { messages { nodes { two: preview(length: 2) { text length isWhole }
      three: preview(length: 3) { text length isWhole } five: preview(length: 5) { text length isWhole } preview { isWhole } } } } }`,
    { id: encodeGlobalId("Thread", thread.id) },
  );

  expect(data.thread.messages.nodes).toEqual([
    {
      two: { text: "ab", length: 5, isWhole: false },
      three: { text: "ab🧋", length: 5, isWhole: false },
      five: { text: "ab🧋cd", length: 5, isWhole: true },
      preview: { isWhole: true },
    },
  ]);
});

test.each([0, -1, 5_001])("a preview of %i characters is refused", async (length) => {
  expect(
    await admins.refusal(`{ toolCalls(first: 1) { nodes { outputPreview(length: ${length}) { text } } } }`),
  ).toEqual(["BAD_USER_INPUT"]);
  expect(await admins.refusal(`{ messages(first: 1) { nodes { preview(length: ${length}) { text } } } }`)).toEqual([
    "BAD_USER_INPUT",
  ]);
});

test("a message shows its revisions; a run shows who asked, the question, and the run it repeats", async () => {
  const { db } = admins;
  const linh = await insertStaffMember(db, { name: "Linh" });
  const thread = await insertThread(db);
  const failed = await insertRun(db, { threadId: thread.id, status: "failed", position: 3 });
  const run = await insertRun(db, {
    threadId: thread.id,
    position: 1,
    askerId: linh.id,
    askerRole: "manager",
    language: "vi",
    retryOf: failed.id,
    queuedAt: instant("2026-11-15T08:00:00Z"),
    firstTokenAt: instant("2026-11-15T08:00:00.750Z"),
    stopRequestedAt: instant("2026-11-15T08:00:01Z"),
  });
  const [question] = await insertMessages(db, thread.id, [
    { text: "asked", runId: run.id, forwarded: true },
    { text: "answered", runId: run.id },
  ]);
  const messageId = question?.id ?? "";
  await db.insert(messageRevisions).values([
    { messageId, text: "second", createdAt: new Date("2026-11-15T08:00:02Z") },
    { messageId, text: "first", createdAt: new Date("2026-11-15T08:00:01Z") },
  ]);

  const { node } = await admins.query(
    `query ($id: ID!) { node(id: $id) { ... on Run { asker { name } askerRole language firstTextMs stopRequestedAt
      retryOf { status retryOf { id } } message { text revisions { text } }
      question { text forwarded revisions { text createdAt } } } } }`,
    { id: encodeGlobalId("Run", run.id) },
  );

  expect(node).toEqual({
    asker: { name: "Linh" },
    askerRole: "MANAGER",
    language: "vi",
    firstTextMs: 750,
    stopRequestedAt: "2026-11-15T08:00:01.000Z",
    retryOf: { status: "FAILED", retryOf: null },
    message: { text: "answered", revisions: [] },
    question: {
      text: "asked",
      forwarded: true,
      revisions: [
        { text: "first", createdAt: "2026-11-15T08:00:01.000Z" },
        { text: "second", createdAt: "2026-11-15T08:00:02.000Z" },
      ],
    },
  });
});

async function statementsOf(query: string): Promise<string[]> {
  admins.statements.length = 0;
  await admins.query(query);
  return [...admins.statements];
}
