/**
 * The admins' API of the sandbox and that of a real bot on one database: each sees its own people, invites, tokens and conversations; those of the terminal
 * are on both.
 */
import { randomBytes } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Db } from "../../src/db/client.ts";
import { publish } from "../../src/db/notify.ts";
import { createAdminToken, MAX_VALID_TOKENS } from "../../src/db/queries/admin-tokens.ts";
import { saveStaffMember } from "../../src/db/queries/staff.ts";
import { adminTokens, invites, staff, toolCalls } from "../../src/db/schema/index.ts";
import { hashToken } from "../../src/graphql/auth.ts";
import { decodeGlobalId, encodeGlobalId } from "../../src/graphql/ids.ts";
import { LARGEST_TELEGRAM_ID } from "../../src/telegram-ids.ts";
import {
  insertChat,
  insertMessages,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
} from "../support/conversations.ts";
import { type AdminClient, startAdminApi } from "./admin-client.ts";
import { subscribe } from "./live/subscriber.ts";

/** What each side has of everything. */
interface Side {
  api: AdminClient;
  name: string;
  token: string;
  ids: { invite: string; token: string; member: string };
  talk: Talk;
}

let real: Side;
let sandbox: Side;
let terminal: Talk;

beforeAll(async () => {
  const api = await startAdminApi();
  const ofSandbox = await startAdminApi({ shared: api.testDatabase, house: { sandbox: true } });
  real = await fill(api, { name: "real", sandbox: false });
  sandbox = await fill(ofSandbox, { name: "sandbox", sandbox: true });
  const chat = { botId: null, telegramId: null, type: "terminal" as const };
  terminal = await fillTalk(api.db, { name: "terminal", chat, memberId: null });
});
afterAll(async () => {
  await sandbox.api.close();
  await real.api.close();
});

async function fill(api: AdminClient, side: { name: string; sandbox: boolean }): Promise<Side> {
  const { db } = api;
  const { name } = side;
  const person = { name, username: "lan", role: "owner" as const };
  const member = await insertStaffMember(db, { ...person, ...(side.sandbox && { telegramUserId: 2 ** 52 + 1 }) });
  const expiresAt = sql`now() + interval '1 hour'`;
  const [invite] = await db
    .insert(invites)
    .values({ codeHash: randomBytes(32), role: "staff", createdBy: member.id, expiresAt })
    .returning();
  const token = `a-token-of-the-${name}-${randomBytes(16).toString("hex")}`;
  const facts = { ...side, scope: "admin", expiresAt: null } as const;
  const tokenId = await createAdminToken(db, { ...facts, tokenHash: hashToken(token) });
  const chat = { botId: side.sandbox ? LARGEST_TELEGRAM_ID + 1 : 7 };
  const talk = await fillTalk(db, { name, chat, memberId: member.id });
  const ids = {
    invite: encodeGlobalId("Invite", invite?.id ?? ""),
    token: encodeGlobalId("AdminToken", tokenId),
    member: encodeGlobalId("StaffMember", member.id),
  };
  return { api, name, token, ids, talk };
}

/** One conversation: its rows' ids, and the global ones of those that are nodes. */
type Talk = Awaited<ReturnType<typeof fillTalk>>;

async function fillTalk(
  db: Db,
  { name, chat, memberId }: { name: string; chat: Parameters<typeof insertChat>[1]; memberId: string | null },
) {
  const { id: chatId } = await insertChat(db, { ...chat, title: name });
  const { id: threadId } = await insertThread(db, { chatId, title: name });
  const asked = { threadId, askerId: memberId, model: name, inputTokens: 10, outputTokens: 1 };
  const run = await insertRun(db, { ...asked, status: "in_progress" });
  const [message] = await insertMessages(db, threadId, [{ text: `hello ${name}`, authorId: memberId, runId: run.id }]);
  const call = await insertToolCall(db, run);
  const nodes = {
    chat: encodeGlobalId("Chat", chatId),
    thread: encodeGlobalId("Thread", threadId),
    message: encodeGlobalId("Message", message?.id ?? ""),
    run: encodeGlobalId("Run", run.id),
    call: encodeGlobalId("ToolCall", call.id),
  };
  return { name, threadId, runId: run.id, nodes };
}

const LISTS = `{
  staff { totalCount nodes { name } }
  invites { totalCount nodes { createdBy { name } } }
  adminTokens { totalCount nodes { name } }
}`;

/** One side, and the other beside it. */
const sides = () =>
  [
    [real, sandbox],
    [sandbox, real],
  ] as const;

test("the lists of people, invites and tokens have those of the own side only", async () => {
  for (const [{ api, name }] of sides()) {
    const one = (row: object) => ({ totalCount: 1, nodes: [row] });
    expect(await api.query(LISTS)).toEqual({
      staff: one({ name }),
      invites: one({ createdBy: { name } }),
      adminTokens: one({ name }),
    });
  }
});

test("a token opens the API of its own side only; the configured one opens both", async () => {
  for (const [own, other] of sides()) {
    const asked = await Promise.all(
      [own.token, other.token].map((token) => own.api.ask("{ viewer { name token { name } } }", { token })),
    );

    expect(asked.map(({ status }) => status)).toEqual([200, 401]);
    expect(asked[0]?.body.data.viewer).toEqual({ name: own.name, token: { name: own.name } });
    expect((await own.api.ask("{ viewer { name } }")).status).toBe(200);
  }
});

const NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";

test("an invite, a token or a person of the other side is not found by its id, and no token of it revoked", async () => {
  const NODE = "query ($id: ID!) { node(id: $id) { id } }";
  const REVOKE =
    "mutation ($id: ID!) { revokeAdminToken(input: { id: $id }) { adminToken { id } userErrors { code } } }";
  for (const [{ api, ids }, other] of sides()) {
    const both = [...Object.values(ids), ...Object.values(other.ids)];
    const found = [...Object.values(ids).map((id) => ({ id })), null, null, null];
    expect(await api.query(NODES, { ids: both })).toEqual({ nodes: found });
    expect(await api.query(NODE, { id: other.ids.member })).toEqual({ node: null });
    expect(await api.query(REVOKE, { id: other.ids.token })).toEqual({
      revokeAdminToken: { adminToken: null, userErrors: [{ code: "NOT_FOUND" }] },
    });
  }
});

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
  for (const [{ api, name }] of sides()) {
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
  for (const [{ api }, { name, talk }] of sides()) {
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
  for (const [{ api, talk }, other] of sides()) {
    const found = await api.query(BOTH, { own: talk.nodes.thread, other: other.talk.nodes.thread });
    expect(found).toEqual({ thread: { messages: { totalCount: 0 } }, messages: { totalCount: 0 } });
  }
});

test("what belongs to a conversation of the other side is not found by its id", async () => {
  for (const [{ api, talk }, other] of sides()) {
    const own = [...Object.values(talk.nodes), ...Object.values(terminal.nodes)];
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
  for (const [{ api, name }, other] of sides()) {
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
  const { db } = real.api;
  const of = { id: sandbox.talk.runId, threadId: sandbox.talk.threadId };
  const call = await insertToolCall(db, of, {
    name: "CheckDailyRevenue",
    round: 2,
    createdAt: sql`now() + interval '1 hour'`,
  });
  const LAST = "{ tools { name lastUsedAt } }";
  const lastUse = async ({ api }: Side) =>
    (await api.query(LAST)).tools.find(({ name }: { name: string }) => name === "CheckDailyRevenue")?.lastUsedAt;

  expect(await lastUse(real)).toBeNull();
  expect(await lastUse(sandbox)).toBe(call.createdAt.toISOString());
  await db.delete(toolCalls).where(eq(toolCalls.id, call.id));
});

test("somebody whom a person of the other side invited shows no inviter", async () => {
  const { db } = real.api;
  const INVITED = '{ staff(filter: { text: "guest" }) { nodes { name invitedBy { name } } } }';
  for (const [{ api, ids }, other] of sides()) {
    const { id } = decodeGlobalId(other.ids.member);
    const telegramUserId = ids === sandbox.ids ? LARGEST_TELEGRAM_ID + 50 : 50;
    const guest = await saveStaffMember(db, {
      telegramUserId,
      name: "Guest",
      username: null,
      role: "staff",
      invitedBy: id,
    });

    expect(await api.query(INVITED)).toEqual({ staff: { nodes: [{ name: "Guest", invitedBy: null }] } });
    await db.delete(staff).where(eq(staff.id, guest.id));
  }
});

const EVENT = `{ __typename ... on ActivityStarted { cursor repliesInProgress { run { model } } }
  ... on MessageAdded { message { text } } }`;
const FOLLOW_ALL = `subscription ($after: String) { activity(filter: { types: [MESSAGE_ADDED] }, after: $after) ${EVENT} }`;
const FOLLOW_THREAD = `subscription ($id: ID) { threadActivity(threadId: $id) ${EVENT} }`;

test("what happens is heard of the own side and of the terminal, live and by a cursor", async () => {
  for (const [side, other] of sides()) {
    const api = await startAdminApi({ shared: side.api.testDatabase, house: { sandbox: side === sandbox } });
    const all = await subscribe(api, FOLLOW_ALL);
    const others = await subscribe(api, FOLLOW_THREAD, { variables: { id: other.talk.nodes.thread } });
    const begun = await all.event();
    const models = begun.repliesInProgress.map(({ run }: { run: { model: string } }) => run.model);
    expect(models).toEqual([side.name, "terminal"]);
    expect((await others.event()).repliesInProgress).toEqual([]);

    const position = side === sandbox ? 3 : 2;
    for (const talk of [other.talk, side.talk, terminal]) {
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

test("the tokens of one side do not count towards the other's limit", async () => {
  const { db } = real.api;
  const rows = Array.from({ length: MAX_VALID_TOKENS }, () => ({
    name: "many",
    tokenHash: randomBytes(32),
    sandbox: true,
  }));
  await db.insert(adminTokens).values(rows);
  const CREATE = 'mutation { createAdminToken(input: { name: "new" }) { adminToken { name } userErrors { code } } }';

  expect(await sandbox.api.query(CREATE)).toMatchObject({
    createAdminToken: { adminToken: null, userErrors: [{ code: "LIMIT_REACHED" }] },
  });
  expect(await real.api.query(CREATE)).toMatchObject({ createAdminToken: { adminToken: { name: "new" } } });
});
