import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import {
  insertChat,
  insertMessages,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
  instant,
} from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
let ids: Record<"monday" | "tuesday" | "chat" | "linh" | "minh" | "failedRun", string>;

/** Two threads: on Monday Linh asked twice, on Tuesday Minh asked once, and the run failed. */
beforeAll(async () => {
  admins = await startAdminApi();
  const { db } = admins;
  const linh = await insertStaffMember(db, { name: "Linh", role: "owner", createdAt: instant("2026-11-01T00:00:00Z") });
  const minh = await insertStaffMember(db, {
    name: "Minh",
    createdAt: instant("2026-11-02T00:00:00Z"),
    removedAt: new Date(),
  });
  const chat = await insertChat(db);
  const monday = await insertThread(db, {
    title: "monday",
    chatId: chat.id,
    status: "open",
    createdAt: instant("2026-11-16T08:00:00Z"),
    lastActivityAt: instant("2026-11-18T08:00:00Z"),
  });
  const tuesday = await insertThread(db, {
    title: "tuesday",
    createdAt: instant("2026-11-17T08:00:00Z"),
    lastActivityAt: instant("2026-11-17T09:00:00Z"),
  });
  const first = await insertRun(db, {
    threadId: monday.id,
    position: 1,
    model: "luna",
    queuedAt: instant("2026-11-16T08:00:00Z"),
  });
  // The clock was set back an hour: the second question has the earlier time.
  const second = await insertRun(db, {
    threadId: monday.id,
    position: 3,
    model: "terra",
    queuedAt: instant("2026-11-16T07:00:00Z"),
  });
  const failed = await insertRun(db, {
    threadId: tuesday.id,
    status: "failed",
    errorCode: "MODEL_UNREACHABLE",
    model: "luna",
    queuedAt: instant("2026-11-17T08:00:00Z"),
  });
  await insertMessages(db, monday.id, [
    { text: "100% Arabica?", authorId: linh.id, runId: first.id, createdAt: instant("2026-11-16T08:00:00Z") },
    { text: "yes, A_B", runId: first.id, createdAt: instant("2026-11-16T08:00:01Z") },
    { text: "and 1000 Robusta?", authorId: linh.id, runId: second.id, createdAt: instant("2026-11-16T07:00:00Z") },
  ]);
  await insertMessages(db, tuesday.id, [
    { text: "Cà phê SỮA?", authorId: minh.id, runId: failed.id, createdAt: instant("2026-11-17T08:00:00Z") },
  ]);
  await insertToolCall(db, first, {
    name: "CheckOutOfStock",
    round: 1,
    position: 2,
    createdAt: instant("2026-11-16T08:00:00Z"),
  });
  await insertToolCall(db, first, {
    name: "CheckDailyRevenue",
    round: 1,
    position: 1,
    createdAt: instant("2026-11-16T08:00:00Z"),
  });
  await insertToolCall(db, first, { name: "CheckOutOfStock", round: 2, createdAt: instant("2026-11-16T07:59:00Z") });
  await insertToolCall(db, failed, {
    name: "CheckDailyRevenue",
    status: "failed",
    createdAt: instant("2026-11-17T08:00:00Z"),
  });
  ids = {
    monday: encodeGlobalId("Thread", monday.id),
    tuesday: encodeGlobalId("Thread", tuesday.id),
    chat: encodeGlobalId("Chat", chat.id),
    linh: encodeGlobalId("StaffMember", linh.id),
    minh: encodeGlobalId("StaffMember", minh.id),
    failedRun: encodeGlobalId("Run", failed.id),
  };
});
afterAll(() => admins.close());

test("lists come newest first, threads by last activity", async () => {
  const data = await admins.query(`{ threads { nodes { title } } messages { nodes { text } } staff { nodes { name } }
    runs { nodes { thread { title } queuedAt } } toolCalls { nodes { thread { title } round } } }`);

  expect(data.threads.nodes.map(titleOf)).toEqual(["monday", "tuesday"]);
  expect(data.messages.nodes.map(textOf)).toEqual(["Cà phê SỮA?", "yes, A_B", "100% Arabica?", "and 1000 Robusta?"]);
  expect(data.staff.nodes).toEqual([{ name: "Minh" }, { name: "Linh" }]);
  expect(data.runs.nodes.map((run: { queuedAt: string }) => run.queuedAt.slice(8, 13))).toEqual([
    "17T08",
    "16T08",
    "16T07",
  ]);
  expect(data.toolCalls.nodes.map((call: { round: number }) => call.round)).toEqual([1, 1, 1, 2]);
});

test("each list can be reversed, and threads ordered by creation time", async () => {
  const data = await admins.query(`{
    threads(orderBy: { field: LAST_ACTIVITY_AT, direction: ASC }) { nodes { title } }
    begun: threads(orderBy: { field: CREATED_AT, direction: DESC }) { nodes { title } }
    messages(first: 1, orderBy: { field: CREATED_AT, direction: ASC }) { nodes { text } }
    runs(first: 1, orderBy: { field: QUEUED_AT, direction: ASC }) { nodes { model } }
    toolCalls(first: 1, orderBy: { field: CREATED_AT, direction: ASC }) { nodes { round } }
    staff(first: 1, orderBy: { field: CREATED_AT, direction: ASC }) { nodes { name } } }`);

  expect(data.threads.nodes.map(titleOf)).toEqual(["tuesday", "monday"]);
  expect(data.begun.nodes.map(titleOf)).toEqual(["tuesday", "monday"]);
  expect(data.messages.nodes.map(textOf)).toEqual(["and 1000 Robusta?"]);
  expect(data.runs.nodes).toEqual([{ model: "terra" }]);
  expect(data.toolCalls.nodes).toEqual([{ round: 2 }]);
  expect(data.staff.nodes).toEqual([{ name: "Linh" }]);
});

test("within a thread or run the order is by position, not by clock time", async () => {
  const { thread, messages } = await admins.query(
    `query ($id: ID!) {
      thread(id: $id) { messages { nodes { text } } runs { nodes { model toolCalls { nodes { round name } } } } }
      messages(filter: { threadId: $id }) { nodes { text } } }`,
    { id: ids.monday },
  );

  const said = ["100% Arabica?", "yes, A_B", "and 1000 Robusta?"];
  expect(thread.messages.nodes.map(textOf)).toEqual(said);
  expect(messages.nodes.map(textOf)).toEqual(said.toReversed());
  expect(thread.runs.nodes).toEqual([
    { model: "terra", toolCalls: { nodes: [] } },
    {
      model: "luna",
      toolCalls: {
        nodes: [
          { round: 1, name: "CheckDailyRevenue" },
          { round: 1, name: "CheckOutOfStock" },
          { round: 2, name: "CheckOutOfStock" },
        ],
      },
    },
  ]);
});

test.each([
  [() => ({ chatId: ids.chat }), ["monday"]],
  [() => ({ status: "OPEN" }), ["monday"]],
  [() => ({ status: "CLOSED" }), ["tuesday"]],
  [() => ({ staffMemberId: ids.minh }), ["tuesday"]],
  [() => ({ staffMemberId: ids.minh, status: "OPEN" }), []],
  [() => ({ hasFailedRuns: true }), ["tuesday"]],
  [() => ({ hasFailedRuns: false }), ["monday"]],
  [() => ({ usedTool: "CheckDailyRevenue" }), ["monday", "tuesday"]],
  [() => ({ usedTool: "CheckOutOfStock" }), ["monday"]],
  [() => ({ lastActivity: { from: "2026-11-18T08:00:00Z" } }), ["monday"]],
  [() => ({ lastActivity: { from: "2026-11-17T16:00:00+07:00", until: "2026-11-18T08:00:00Z" } }), ["tuesday"]],
  [() => ({ status: null, chatId: null, lastActivity: { from: null } }), ["monday", "tuesday"]],
])("threads are filtered: %#", async (filter, expected) => {
  const data = await admins.query("query ($f: ThreadFilter) { threads(filter: $f) { totalCount nodes { title } } }", {
    f: filter(),
  });

  expect(data.threads.nodes.map(titleOf)).toEqual(expected);
  expect(data.threads.totalCount).toBe(expected.length);
});

test.each([
  [() => ({ role: "ASSISTANT" }), ["yes, A_B"]],
  [() => ({ authorId: ids.minh }), ["Cà phê SỮA?"]],
  [() => ({ threadId: ids.tuesday, role: "USER" }), ["Cà phê SỮA?"]],
  [() => ({ text: "100%" }), ["100% Arabica?"]],
  [() => ({ text: "a_b" }), ["yes, A_B"]],
  [() => ({ text: "sua" }), ["Cà phê SỮA?"]],
  [() => ({ chatId: ids.chat, role: "USER" }), ["100% Arabica?", "and 1000 Robusta?"]],
  [() => ({ chatId: ids.chat, text: "sua" }), []],
  [() => ({ runId: ids.failedRun }), ["Cà phê SỮA?"]],
  [() => ({ created: { from: "2026-11-16T08:00:00Z", until: "2026-11-16T08:00:01Z" } }), ["100% Arabica?"]],
])("messages are filtered: %#", async (filter, expected) => {
  const data = await admins.query("query ($f: MessageFilter) { messages(filter: $f) { nodes { text } } }", {
    f: filter(),
  });

  expect(data.messages.nodes.map(textOf)).toEqual(expected);
});

test.each([
  [() => ({ threadId: ids.monday }), ["terra", "luna"]],
  [() => ({ status: ["FAILED", "CANCELLED"] }), ["luna"]],
  [() => ({ status: [] }), []],
  [() => ({ errorCode: "MODEL_UNREACHABLE" }), ["luna"]],
  [() => ({ model: "terra" }), ["terra"]],
  [() => ({ queued: { until: "2026-11-16T08:00:00Z" } }), ["terra"]],
])("runs are filtered: %#", async (filter, expected) => {
  const data = await admins.query("query ($f: RunFilter) { runs(filter: $f) { nodes { model } } }", { f: filter() });

  expect(data.runs.nodes.map((run: { model: string }) => run.model)).toEqual(expected);
});

test.each([
  [() => ({ threadId: ids.monday }), 3],
  [() => ({ runId: ids.failedRun }), 1],
  [() => ({ runId: ids.failedRun, threadId: ids.monday }), 0],
  [() => ({ name: "CheckOutOfStock" }), 2],
  [() => ({ status: "FAILED" }), 1],
  [() => ({ created: { from: "2026-11-16T08:00:00Z", until: "2026-11-17T00:00:00Z" } }), 2],
])("tool calls are filtered: %#", async (filter, expected) => {
  const data = await admins.query("query ($f: ToolCallFilter) { toolCalls(filter: $f) { totalCount nodes { id } } }", {
    f: filter(),
  });

  expect([data.toolCalls.nodes.length, data.toolCalls.totalCount]).toEqual([expected, expected]);
});

test.each([
  [{ role: "OWNER" }, ["Linh"]],
  [{ removed: true }, ["Minh"]],
  [{ removed: false }, ["Linh"]],
  [{}, ["Minh", "Linh"]],
])("staff members are filtered: %j", async (filter, expected) => {
  const data = await admins.query("query ($f: StaffFilter) { staff(filter: $f) { nodes { name } } }", { f: filter });

  expect(data.staff.nodes.map((member: { name: string }) => member.name)).toEqual(expected);
});

test("a filter with an id of another type or a time without an offset is refused", async () => {
  const query = "query ($f: ThreadFilter) { threads(filter: $f) { nodes { id } } }";

  expect(await admins.refusal(query, { f: { chatId: ids.monday } })).toEqual(["BAD_USER_INPUT"]);
  expect(await admins.refusal(query, { f: { lastActivity: { from: "2026-11-16T08:00:00" } } })).toEqual([
    "BAD_USER_INPUT",
  ]);
  expect(admins.errors).toEqual([]);
});

test("an invalid search is refused, and an unusual one finds nothing", async () => {
  const search = "query ($f: MessageFilter) { messages(filter: $f) { nodes { id } } }";

  for (const text of ["a\0b", "", " ", "?!", '""', "ab*", "x".repeat(201), "a ".repeat(21)]) {
    expect([text, await admins.refusal(search, { f: { text } })]).toEqual([text, ["BAD_USER_INPUT"]]);
  }
  for (const text of ["\ud800", "'; drop table messages; --", "$1", "x' | 'y", "x".repeat(200)]) {
    expect((await admins.query(search, { f: { text } })).messages.nodes).toEqual([]);
  }
  expect(admins.errors).toEqual([]);
});

test("objects are found by id, in the requested order, with null for unknown ids", async () => {
  const gone = encodeGlobalId("Thread", randomUUID());

  const data = await admins.query(
    `query ($ids: [ID!]!, $id: ID!, $gone: ID!) {
      nodes(ids: $ids) { __typename id ... on Thread { title } ... on StaffMember { name } ... on Run { model } }
      node(id: $id) { __typename ... on Chat { type } } none: node(id: $gone) { id } thread(id: $gone) { id } }`,
    { ids: [ids.linh, gone, ids.tuesday, ids.failedRun, ids.linh], id: ids.chat, gone },
  );

  const linh = { __typename: "StaffMember", id: ids.linh, name: "Linh" };
  expect(data.nodes).toEqual([
    linh,
    null,
    { __typename: "Thread", id: ids.tuesday, title: "tuesday" },
    { __typename: "Run", id: ids.failedRun, model: "luna" },
    linh,
  ]);
  expect(data.node).toEqual({ __typename: "Chat", type: "PRIVATE" });
  expect([data.none, data.thread]).toEqual([null, null]);
});

test("an id that this API did not make is refused", async () => {
  const made = [
    "",
    "1",
    randomUUID(),
    Buffer.from(`Thread:${randomUUID().toUpperCase()}`).toString("base64url"),
    Buffer.from(`Secret:${randomUUID()}`).toString("base64url"),
    Buffer.from("Thread:'; drop table threads").toString("base64url"),
    `${ids.monday}=`,
  ];

  for (const id of made) {
    expect([id, await admins.refusal("query ($id: ID!) { node(id: $id) { id } }", { id })]).toEqual([
      id,
      ["BAD_USER_INPUT"],
    ]);
    expect([id, await admins.refusal("query ($id: ID!) { thread(id: $id) { id } }", { id })]).toEqual([
      id,
      ["BAD_USER_INPUT"],
    ]);
  }
  expect(await admins.refusal("query ($id: ID!) { thread(id: $id) { id } }", { id: ids.linh })).toEqual([
    "BAD_USER_INPUT",
  ]);
  expect(admins.errors).toEqual([]);
});

test("a run without a reply is pending in Telegram, and delivered in the terminal once it has ended", async () => {
  const { db } = admins;
  const terminal = await insertChat(db, { type: "terminal", botId: null, telegramId: null });
  const thread = await insertThread(db, { chatId: terminal.id });
  const completedAt = new Date("2026-11-10T08:00:00Z");
  await insertRun(db, { threadId: thread.id, position: 1, completedAt });
  await insertRun(db, { threadId: thread.id, position: 2, status: "in_progress" });

  const data = await admins.query(
    `query ($id: ID!) { thread(id: $id) { chat { telegramId } runs { nodes { delivery { status telegramMessageIds deliveredAt } } } }
      runs(filter: { status: FAILED }) { nodes { error { code message } delivery { status } } } }`,
    { id: encodeGlobalId("Thread", thread.id) },
  );

  expect(data.thread.chat.telegramId).toBeNull();
  expect(data.thread.runs.nodes.map((run: { delivery: object }) => run.delivery)).toEqual([
    { status: "PENDING", telegramMessageIds: [], deliveredAt: null },
    { status: "DELIVERED", telegramMessageIds: [], deliveredAt: completedAt.toISOString() },
  ]);
  expect(data.runs.nodes).toEqual([
    { error: { code: "MODEL_UNREACHABLE", message: "MODEL_UNREACHABLE" }, delivery: { status: "PENDING" } },
  ]);
});

function titleOf(thread: { title: string }): string {
  return thread.title;
}

function textOf(message: { text: string }): string {
  return message.text;
}
