/** Two admin APIs, sandbox and production, on one database: each shows its own conversations, and both show terminal chats. */
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publish } from "../../src/db/notify/notify.ts";
import { toolCalls } from "../../src/db/schema/index.ts";
import { insertMessages, insertToolCall } from "../support/conversations.ts";
import { startAdminApi } from "./admin-client.ts";
import { type Environment, type Environments, startEnvironments } from "./environments.ts";
import { subscribe } from "./live/subscriber.ts";

let environments: Environments;
beforeAll(async () => {
  environments = await startEnvironments();
});
afterAll(() => environments.close());

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

test("lists of conversations show the API's own environment and the terminal, with any filter", async () => {
  for (const [{ api, name }] of environments.each) {
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

test("a filter with an id or a word of the other environment matches nothing", async () => {
  for (const [{ api }, { name, talk }] of environments.each) {
    const { thread: threadId, run: runId, chat: chatId } = talk.nodes;

    const byChat = await api.query(CONVERSATIONS, { chatId });
    expect(byChat).toEqual({ threads: NONE, messages: NONE, runs: NONE, slowest: { nodes: [] }, toolCalls: NONE });
    const byThread = await api.query(CONVERSATIONS, { threadId });
    expect(byThread).toMatchObject({ messages: NONE, runs: NONE, slowest: { nodes: [] }, toolCalls: NONE });
    expect(await api.query(CONVERSATIONS, { runId })).toMatchObject({ messages: NONE, toolCalls: NONE });
    expect(await api.query(CONVERSATIONS, { text: name })).toMatchObject({ threads: NONE, messages: NONE });
  }
});

test("an operation with the same list at its root and in a thread gets nothing from the other environment", async () => {
  const BOTH = `query ($own: ID!, $other: ID!) {
    thread(id: $own) { messages(orderBy: { field: CREATED_AT, direction: DESC }, filter: { threadId: $other }) { totalCount } }
    messages(filter: { threadId: $other }) { totalCount }
  }`;
  for (const [{ api, talk }, other] of environments.each) {
    const found = await api.query(BOTH, { own: talk.nodes.thread, other: other.talk.nodes.thread });
    expect(found).toEqual({ thread: { messages: { totalCount: 0 } }, messages: { totalCount: 0 } });
  }
});

test("objects in a conversation of the other environment are not found by id", async () => {
  for (const [{ api, talk }, other] of environments.each) {
    const own = [...Object.values(talk.nodes), ...Object.values(environments.terminal.nodes)];
    const others = Object.values(other.talk.nodes);
    expect(await api.query(NODES, { ids: [...own, ...others] })).toEqual({
      nodes: [...own.map((id) => ({ id })), ...others.map(() => null)],
    });
    const THREAD = "query ($id: ID!) { thread(id: $id) { title messages { nodes { text } } } }";
    expect(await api.query(THREAD, { id: other.talk.nodes.thread })).toEqual({ thread: null });
  }
});

test("usage and tool statistics count the API's own environment and the terminal", async () => {
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
  for (const [{ api, name }, other] of environments.each) {
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

test("the last use of a tool is that in the API's own environment or the terminal", async () => {
  const { db } = environments.real.api;
  const of = { id: environments.sandbox.talk.runId, threadId: environments.sandbox.talk.threadId };
  const call = await insertToolCall(db, of, {
    name: "CheckDailyRevenue",
    round: 2,
    createdAt: sql`now() + interval '1 hour'`,
  });
  const LAST = "{ tools { name lastUsedAt } }";
  const lastUse = async ({ api }: Environment) =>
    (await api.query(LAST)).tools.find(({ name }: { name: string }) => name === "CheckDailyRevenue")?.lastUsedAt;

  expect(await lastUse(environments.real)).toBeNull();
  expect(await lastUse(environments.sandbox)).toBe(call.createdAt.toISOString());
  await db.delete(toolCalls).where(eq(toolCalls.id, call.id));
});

const EVENT = `{ __typename ... on ActivityStarted { cursor repliesInProgress { run { model } } }
  ... on MessageAdded { message { text } } }`;
const SUBSCRIBE_ALL = `subscription ($after: String) { activity(filter: { types: [MESSAGE_ADDED] }, after: $after) ${EVENT} }`;
const SUBSCRIBE_THREAD = `subscription ($id: ID) { threadActivity(threadId: $id) ${EVENT} }`;

test("subscribers get events of the API's own environment and the terminal, live and from a cursor", async () => {
  for (const [environment, other] of environments.each) {
    const api = await startAdminApi({
      shared: environment.api.testDatabase,
      environment: { sandbox: environment === environments.sandbox },
    });
    const all = await subscribe(api, SUBSCRIBE_ALL);
    const others = await subscribe(api, SUBSCRIBE_THREAD, { variables: { id: other.talk.nodes.thread } });
    const started = await all.event();
    const models = started.repliesInProgress.map(({ run }: { run: { model: string } }) => run.model);
    expect(models).toEqual([environment.name, "terminal"]);
    expect((await others.event()).repliesInProgress).toEqual([]);

    const position = environment === environments.sandbox ? 3 : 2;
    for (const talk of [other.talk, environment.talk, environments.terminal]) {
      await insertMessages(api.db, talk.threadId, [{ position, text: `news of the ${talk.name}` }]);
    }
    await publish(api.db, { type: "run-queued", runId: "x" });
    const expected = [environment.name, "terminal"].map((name) => ({
      __typename: "MessageAdded",
      message: { text: `news of the ${name}` },
    }));
    expect([await all.event(), await all.event()]).toEqual(expected);
    const back = await subscribe(api, SUBSCRIBE_ALL, { variables: { after: started.cursor } });
    expect([await back.event(), await back.event()]).toEqual(expected);

    // The first event is the end: nothing came before it.
    await api.close();
    expect(await others.next()).toMatchObject({ errors: [{ extensions: { code: "SHUTTING_DOWN" } }] });
    await Promise.all([all, back, others].map((subscriber) => subscriber.close()));
  }
});
