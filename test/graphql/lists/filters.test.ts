import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import {
  insertChat,
  insertMessages,
  insertReply,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
  instant,
} from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
let ids: Record<"linh" | "minh" | "group" | "terminal", string>;

/**
 * Linh's group: "quick" (0.1 s, delivered) and "slow" (90 s, first text after 5 s, failed delivery, a failed tool call).
 * Minh's terminal: "typed" (ended, no reply). A private chat: "waits" (queued).
 */
beforeAll(async () => {
  admins = await startAdminApi();
  const { db } = admins;
  const linh = await insertStaffMember(db);
  const minh = await insertStaffMember(db);
  const group = await insertChat(db, { type: "group" });
  const terminal = await insertChat(db, { type: "terminal", botId: null, telegramId: null });
  const [inGroup, inTerminal, inPrivate] = [
    await insertThread(db, { chatId: group.id, title: "group", createdAt: instant("2026-11-10T00:00:00Z") }),
    await insertThread(db, { chatId: terminal.id, title: "terminal", createdAt: instant("2026-11-11T00:00:00Z") }),
    await insertThread(db, { title: "private", createdAt: instant("2026-11-12T00:00:00Z") }),
  ];
  await insertMessages(db, inGroup.id, ["one", "two", "three"]);
  await insertMessages(db, inPrivate.id, ["one"]);
  const at = (second: string) => instant(`2026-11-16T08:00:${second}Z`);
  const quick = await insertRun(db, {
    threadId: inGroup.id,
    model: "quick",
    askerId: linh.id,
    queuedAt: at("00"),
    startedAt: at("00"),
    firstTokenAt: at("00.050"),
    completedAt: at("00.100"),
  });
  const slow = await insertRun(db, {
    threadId: inGroup.id,
    position: 2,
    model: "slow",
    askerId: linh.id,
    queuedAt: at("01"),
    startedAt: at("02"),
    firstTokenAt: at("06"),
    completedAt: instant("2026-11-16T08:01:32Z"),
  });
  const typed = await insertRun(db, {
    threadId: inTerminal.id,
    model: "typed",
    askerId: minh.id,
    queuedAt: at("03"),
    startedAt: at("03"),
    completedAt: at("04"),
  });
  await insertRun(db, { threadId: inPrivate.id, model: "waits", status: "queued", queuedAt: at("05") });
  const deliveredAt = new Date();
  await insertReply(db, { runId: quick.id, chatId: group.id, status: "delivered", deliveredAt });
  await insertReply(db, { runId: slow.id, chatId: group.id, status: "failed", error: "chat not found" });
  await insertToolCall(db, quick, {
    name: "Quick",
    createdAt: at("00"),
    startedAt: at("00"),
    completedAt: at("00.010"),
  });
  await insertToolCall(db, slow, {
    name: "Slow",
    status: "failed",
    error: "Took 100% of its TIME_LIMIT",
    createdAt: at("02"),
    startedAt: at("02"),
    completedAt: at("12"),
  });
  await insertToolCall(db, typed, { name: "Pending", status: "pending", createdAt: at("03") });
  ids = {
    linh: encodeGlobalId("StaffMember", linh.id),
    minh: encodeGlobalId("StaffMember", minh.id),
    group: encodeGlobalId("Chat", group.id),
    terminal: encodeGlobalId("Chat", terminal.id),
  };
});
afterAll(() => admins.close());

test.each([
  [() => ({ staffMemberId: ids.linh }), ["slow", "quick"]],
  [() => ({ chatId: ids.terminal }), ["typed"]],
  [() => ({ chatId: ids.group, staffMemberId: ids.minh }), []],
  [() => ({ slowerThanMs: 100 }), ["typed", "slow"]],
  [() => ({ slowerThanMs: 99 }), ["typed", "slow", "quick"]],
  [() => ({ slowerThanMs: 0, model: "typed" }), ["typed"]],
  [() => ({ firstTextLaterThanMs: 4_999 }), ["slow"]],
  [() => ({ firstTextLaterThanMs: 5_000 }), []],
  [() => ({ firstTextLaterThanMs: 2_147_483_647 }), []],
  [() => ({ delivery: ["FAILED"] }), ["slow"]],
  [() => ({ delivery: ["DELIVERED"] }), ["typed", "quick"]],
  [() => ({ delivery: ["PENDING", "PARTIAL"] }), ["waits"]],
  [() => ({ delivery: [] }), []],
  [() => ({ usedTool: "Slow" }), ["slow"]],
  [() => ({ usedTool: "slow" }), []],
])("runs are filtered: %#", async (filter, expected) => {
  const query = `query ($f: RunFilter) { runs(filter: $f) { totalCount nodes { model } }
    byDuration: runs(filter: $f, orderBy: { field: DURATION, direction: DESC }) { nodes { model } } }`;

  const data = await admins.query(query, { f: filter() });

  expect(data.runs.nodes.map(modelOf)).toEqual(expected);
  expect(data.runs.totalCount).toBe(expected.length);
  const byDuration = ["slow", "typed", "quick", "waits"].filter((model) => expected.includes(model));
  expect(data.byDuration.nodes.map(modelOf)).toEqual(byDuration);
});

test.each(["errorCode", "model", "promptVersion", "usedTool"])("an empty %s matches no run", async (condition) => {
  const query = "query ($f: RunFilter) { runs(filter: $f) { totalCount nodes { model } } }";

  const { runs } = await admins.query(query, { f: { [condition]: "" } });

  expect(runs).toEqual({ totalCount: 0, nodes: [] });
});

test.each([
  [() => ({ error: "time_limit" }), ["Slow"]],
  [() => ({ error: "100%" }), ["Slow"]],
  [() => ({ error: "1%0" }), []],
  [() => ({ error: "" }), ["Slow"]],
  [() => ({ name: "" }), []],
  [() => ({ slowerThanMs: 10 }), ["Slow"]],
  [() => ({ slowerThanMs: 9 }), ["Slow", "Quick"]],
  [() => ({ staffMemberId: ids.minh }), ["Pending"]],
  [() => ({ chatId: ids.group }), ["Slow", "Quick"]],
  [() => ({}), ["Pending", "Slow", "Quick"]],
])("tool calls are filtered: %#", async (filter, expected) => {
  const query = `query ($f: ToolCallFilter) { toolCalls(filter: $f) { totalCount nodes { name } }
    byDuration: toolCalls(filter: $f, orderBy: { field: DURATION, direction: ASC }) { nodes { name durationMs } } }`;

  const data = await admins.query(query, { f: filter() });

  expect(data.toolCalls.nodes.map(nameOf)).toEqual(expected);
  expect(data.toolCalls.totalCount).toBe(expected.length);
  const byDuration = ["Pending", "Quick", "Slow"].filter((name) => expected.includes(name));
  expect(data.byDuration.nodes.map(nameOf)).toEqual(byDuration);
});

test.each([
  [() => ({ chatType: ["GROUP", "SUPERGROUP"] }), ["group"]],
  [() => ({ chatType: [] }), []],
  [() => ({ created: { from: "2026-11-11T00:00:00Z" } }), ["private", "terminal"]],
  [() => ({ minimumMessages: 0 }), ["private", "terminal", "group"]],
  [() => ({ minimumMessages: 1 }), ["private", "group"]],
  [() => ({ minimumMessages: 3 }), ["group"]],
  [() => ({ minimumMessages: 2_147_483_647 }), []],
  [() => ({ text: "two" }), ["group"]],
  [() => ({ text: "one two" }), []],
  [() => ({ usedTool: "" }), []],
  [() => ({ text: "one", chatType: ["PRIVATE"], minimumMessages: 1 }), ["private"]],
])("threads are filtered: %#", async (filter, expected) => {
  const query = `query ($f: ThreadFilter) {
    threads(filter: $f, orderBy: { field: CREATED_AT, direction: DESC }) { totalCount nodes { title } } }`;

  const { threads } = await admins.query(query, { f: filter() });

  expect(threads.nodes.map((thread: { title: string }) => thread.title)).toEqual(expected);
  expect(threads.totalCount).toBe(expected.length);
});

test.each([
  ["threads", { minimumMessages: -1 }],
  ["runs", { slowerThanMs: -1 }],
  ["runs", { firstTextLaterThanMs: -1 }],
  ["runs", { chatId: "x" }],
  ["runs", { usedTool: "\0" }],
  ["toolCalls", { slowerThanMs: -1 }],
  ["toolCalls", { error: "\0" }],
])("an invalid filter of %s is refused: %j", async (list, filter) => {
  const type = { threads: "ThreadFilter", runs: "RunFilter", toolCalls: "ToolCallFilter" }[list];
  const query = `query ($f: ${type}) { ${list}(filter: $f) { nodes { id } } }`;

  expect(await admins.refusal(query, { f: filter })).toEqual(["BAD_USER_INPUT"]);
  expect(admins.errors).toEqual([]);
});

test("the runs and tool calls of a thread can be ordered by duration", async () => {
  const { threads } = await admins.query(`{ threads(filter: { chatType: [GROUP] }) { nodes {
    runs(orderBy: { field: DURATION, direction: ASC }) { nodes { model toolCalls(orderBy: { field: DURATION, direction: DESC }) { nodes { name } } } }
    toolCalls(orderBy: { field: DURATION, direction: DESC }) { nodes { name } } } } }`);

  const [thread] = threads.nodes;
  expect(thread.runs.nodes.map(modelOf)).toEqual(["quick", "slow"]);
  expect(thread.toolCalls.nodes.map(nameOf)).toEqual(["Slow", "Quick"]);
});

function modelOf(run: { model: string }): string {
  return run.model;
}

function nameOf(toolCall: { name: string }): string {
  return toolCall.name;
}
