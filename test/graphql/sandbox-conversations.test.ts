/**
 * The admins' API of the sandbox and that of a real bot on one database: each sees its own conversations, and both those of the
 * terminal.
 */
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publish } from "../../src/db/notify/notify.ts";
import { toolCalls } from "../../src/db/schema/index.ts";
import { insertMessages, insertToolCall } from "../support/conversations.ts";
import { startAdminApi } from "./admin-client.ts";
import { type Side, type Sides, startSides } from "./environments.ts";
import { subscribe } from "./live/subscriber.ts";

let sides: Sides;
beforeAll(async () => {
  sides = await startSides();
});
afterAll(() => sides.close());

const NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";
const CONVERSATIONS = `query ($text: String, $threadId: ID, $runId: ID, $chatId: ID) {
  threads(filter: { text: $text, chatId: $chatId }) { totalCount nodes { title chat { title } } }
  messages(filter: { text: $text, threadId: $threadId, runId: $runId, chatId: $chatId }) {
    totalCount nodes { thread { title } }
  }
  runs(filter: { threadId: $threadId, chatId: $chatId }) { totalCount nodes { model } }
  slowest: runs(orderBy: { field: DURATION, direction: DESC }, filter: { threadId: $threadId, chatId: $chatId }) {
    nodes { model }
  }
  toolCalls(filter: { runId: $runId, threadId: $threadId, chatId: $chatId }) { totalCount nodes { run { model } } }
}`;
const NONE = { totalCount: 0, nodes: [] };

test("the lists of conversations have those of the own side and of the terminal, whatever is asked for", async () => {
  for (const [{ api, name }] of sides.each) {
    const list = (row: (title: string) => object) => ({ totalCount: 2, nodes: ["terminal", name].map(row) });
    const all = await api.query(CONVERSATIONS);
    expect(all).toEqual({
      threads: list((title) => ({ title, chat: { title } })),
      messages: list((title) => ({ thread: { title } })),
      runs: list((model) => ({ model })),
      slowest: { nodes: expect.arrayContaining([{ model: "terminal" }, { model: name }]) },
      toolCalls: list((model) => ({ run: { model } })),
    });
    expect(all.slowest.nodes).toHaveLength(2);
    const found = await api.query(CONVERSATIONS, { text: "hello" });
    expect([found.threads, found.messages]).toEqual([all.threads, all.messages]);
  }
});

test("a filter by an id or a word of the other side finds nothing", async () => {
  for (const [{ api }, { name, talk }] of sides.each) {
    const { thread: threadId, run: runId, chat: chatId } = talk.nodes;

    const byChat = await api.query(CONVERSATIONS, { chatId });
    expect(byChat).toEqual({ threads: NONE, messages: NONE, runs: NONE, slowest: { nodes: [] }, toolCalls: NONE });
    const byThread = await api.query(CONVERSATIONS, { threadId });
    expect(byThread).toMatchObject({ messages: NONE, runs: NONE, slowest: { nodes: [] }, toolCalls: NONE });
    expect(await api.query(CONVERSATIONS, { runId })).toMatchObject({ messages: NONE, toolCalls: NONE });
    expect(await api.query(CONVERSATIONS, { text: name })).toMatchObject({ threads: NONE, messages: NONE });
  }
});

test("one operation that asks for the same list at its root and in a thread gets nothing of the other side", async () => {
  const BOTH = `query ($own: ID!, $other: ID!) {
    thread(id: $own) { messages(orderBy: { field: CREATED_AT, direction: DESC }, filter: { threadId: $other }) { totalCount } }
    messages(filter: { threadId: $other }) { totalCount }
  }`;
  for (const [{ api, talk }, other] of sides.each) {
    const found = await api.query(BOTH, { own: talk.nodes.thread, other: other.talk.nodes.thread });
    expect(found).toEqual({ thread: { messages: { totalCount: 0 } }, messages: { totalCount: 0 } });
  }
});

test("what belongs to a conversation of the other side is not found by its id", async () => {
  for (const [{ api, talk }, other] of sides.each) {
    const own = [...Object.values(talk.nodes), ...Object.values(sides.terminal.nodes)];
    const others = Object.values(other.talk.nodes);
    expect(await api.query(NODES, { ids: [...own, ...others] })).toEqual({
      nodes: [...own.map((id) => ({ id })), ...others.map(() => null)],
    });
    const THREAD = "query ($id: ID!) { thread(id: $id) { title messages { nodes { text } } } }";
    expect(await api.query(THREAD, { id: other.talk.nodes.thread })).toEqual({ thread: null });
  }
});

test("usage and the tools' statistics count the own side and the terminal", async () => {
  const DIMENSIONS = ["DAY", "WEEK", "MONTH", "STAFF_MEMBER", "MODEL", "TOOL"];
  const today = Temporal.Now.plainDateISO("UTC");
  const period = { from: String(today.subtract({ days: 1 })), until: String(today.add({ days: 2 })) };
  const FIGURES = "messages toolCalls runs { total } tokens { inputTokens }";
  const USAGE = `query ($period: DateRange!) {
    ${DIMENSIONS.map(
      (by) => `${by}: usage(period: $period, by: ${by}) { total { ${FIGURES} }
      groups { staffMember { name } model tool figures { ${FIGURES} } } }`,
    ).join(" ")}
    tools { name lastUsedAt statistics(period: $period) { calls } }
  }`;
  for (const [{ api, name }, other] of sides.each) {
    const { tools, ...reports } = await api.query(USAGE, { period });

    for (const by of DIMENSIONS) {
      expect(reports[by].total, by).toEqual({
        messages: 2,
        toolCalls: 2,
        runs: { total: 2 },
        tokens: { inputTokens: 20 },
      });
      expect(JSON.stringify(reports[by]), by).not.toContain(other.name);
    }
    const groups = (by: string, key: string) => reports[by].groups.map((group: Record<string, unknown>) => group[key]);
    expect(groups("STAFF_MEMBER", "staffMember")).toEqual(expect.arrayContaining([{ name }, null]));
    expect(groups("MODEL", "model")).toEqual(expect.arrayContaining([name, "terminal"]));
    const used = tools.find((tool: { name: string }) => tool.name === "CheckOutOfStock");
    expect(used.statistics).toEqual({ calls: 2 });
  }
});

test("a tool was last used when the own side or the terminal used it", async () => {
  const { db } = sides.real.api;
  const of = { id: sides.sandbox.talk.runId, threadId: sides.sandbox.talk.threadId };
  const call = await insertToolCall(db, of, {
    name: "CheckDailyRevenue",
    round: 2,
    createdAt: sql`now() + interval '1 hour'`,
  });
  const LAST = "{ tools { name lastUsedAt } }";
  const lastUse = async ({ api }: Side) =>
    (await api.query(LAST)).tools.find(({ name }: { name: string }) => name === "CheckDailyRevenue")?.lastUsedAt;

  expect(await lastUse(sides.real)).toBeNull();
  expect(await lastUse(sides.sandbox)).toBe(call.createdAt.toISOString());
  await db.delete(toolCalls).where(eq(toolCalls.id, call.id));
});

const EVENT = `{ __typename ... on ActivityStarted { cursor repliesInProgress { run { model } } }
  ... on MessageAdded { message { text } } }`;
const FOLLOW_ALL = `subscription ($after: String) { activity(filter: { types: [MESSAGE_ADDED] }, after: $after) ${EVENT} }`;
const FOLLOW_THREAD = `subscription ($id: ID) { threadActivity(threadId: $id) ${EVENT} }`;

test("what happens is heard of the own side and of the terminal, live and by a cursor", async () => {
  for (const [side, other] of sides.each) {
    const api = await startAdminApi({
      shared: side.api.testDatabase,
      environment: { sandbox: side === sides.sandbox },
    });
    const all = await subscribe(api, FOLLOW_ALL);
    const others = await subscribe(api, FOLLOW_THREAD, { variables: { id: other.talk.nodes.thread } });
    const begun = await all.event();
    const models = begun.repliesInProgress.map(({ run }: { run: { model: string } }) => run.model);
    expect(models).toEqual([side.name, "terminal"]);
    expect((await others.event()).repliesInProgress).toEqual([]);

    const position = side === sides.sandbox ? 3 : 2;
    for (const talk of [other.talk, side.talk, sides.terminal]) {
      await insertMessages(api.db, talk.threadId, [{ position, text: `news of the ${talk.name}` }]);
    }
    await publish(api.db, { type: "run-queued", runId: "x" });
    const heard = [side.name, "terminal"].map((name) => ({
      __typename: "MessageAdded",
      message: { text: `news of the ${name}` },
    }));
    expect([await all.event(), await all.event()]).toEqual(heard);
    const back = await subscribe(api, FOLLOW_ALL, { variables: { after: begun.cursor } });
    expect([await back.event(), await back.event()]).toEqual(heard);

    // The end of all that it was told, and nothing before it.
    await api.close();
    expect(await others.next()).toMatchObject({ errors: [{ extensions: { code: "SHUTTING_DOWN" } }] });
    await Promise.all([all, back, others].map((subscriber) => subscriber.close()));
  }
});
