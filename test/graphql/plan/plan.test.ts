import {
  type DocumentNode,
  execute,
  type GraphQLObjectType,
  type GraphQLSchema,
  getOperationAST,
  parse,
} from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createContext } from "../../../src/graphql/context.ts";
import { makePlan } from "../../../src/graphql/plan/make-plan.ts";
import { runPlan } from "../../../src/graphql/plan/run-plan.ts";
import { createSchema } from "../../../src/graphql/schema.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";
import { createTestEnvironment } from "../api-environment.ts";
import { fillConversations } from "../conversations.ts";

let admins: AdminClient;
const schema = createSchema();
beforeAll(async () => {
  admins = await startAdminApi();
  await fillConversations(admins.db);
});
afterAll(() => admins.close());

const PAGE = "pageInfo { __typename startCursor endCursor hasNextPage hasPreviousPage }";
const CALL = "__typename id name status round arguments output error startedAt completedAt durationMs";
const RUN = `id status model attempt queuedAt durationMs firstTextMs error { __typename code message }
  usage { inputTokens cachedInputTokens outputTokens reasoningTokens } asker { id name }`;

const PLANNED = [
  `{ threads { nodes { id title status createdAt lastActivityAt messageCount chat { id type title telegramId }
     lastMessage { id role text createdAt author { name username } } fromStaff: lastMessage(role: USER) { text } } ${PAGE} } }`,
  `{ threads(first: 3) { edges { cursor node { title } } ${PAGE} } again: threads(last: 2) { nodes { id } ${PAGE} } }`,
  `{ threads { __typename nodes { messages(first: 2) { nodes { text run { ${RUN} toolCalls { nodes { ${CALL} } ${PAGE} } } } ${PAGE} } runs(last: 1) { nodes { status } ${PAGE} } } } }`,
  `{ toolCalls(filter: { name: "CheckOutOfStock", status: [SUCCEEDED] }, orderBy: { field: DURATION, direction: ASC }) { nodes { ${CALL} run { ${RUN} thread { id chat { title } } } thread { title } } ${PAGE} } }`,
  `{ runs(filter: { status: [FAILED] }) { nodes { ...R } } } fragment R on Run { ${RUN} ... on Node { id } ... { status } thread { title } thread { status } }`,
  `{ messages(filter: { text: "ca phe" }, first: 4) { nodes { preview(length: 3) { text length isWhole } excerpts(matching: "phe") { text highlights { start length } } quote { __typename text messageId } thread { title } } ${PAGE} } }`,
  `{ threads(first: 2) { totalCount nodes { id runs { totalCount nodes { question { text } message { text } cost } } } ${PAGE} } }`,
  `{ staff { nodes { id name username role telegramUserId removedAt } } }`,
  // The last message of a joined thread.
  "{ messages { nodes { thread { lastMessage { id } } } } }",
  "{ runs { nodes { thread { title lastMessage(role: USER) { text } } } } }",
  "{ toolCalls { nodes { run { thread { lastMessage { id } } } } } }",
  "{ threads { nodes { lastMessage { thread { lastMessage { id } } } } } }",
  // Aliases with the names of columns.
  "{ toolCalls { nodes { o: output output: run { id asker { id } } a: arguments arguments: thread { id } } } }",
  "{ runs { nodes { firstTokenAt: retryOf { id } f: firstTokenAt firstTextMs rowKey: thread { id } } } }",
  "{ messages { nodes { i: id id: thread { title } parentId: author { id } text: run { id } t: text } } }",
  "{ threads { nodes { messageCount: lastMessage { id } m: messageCount } } }",
  "{ id: threads { nodes { title } } messages { nodes { text } } }",
  // Aliases and fragments with the names of properties that every object has.
  "{ threads { nodes { constructor: id toString: title hasOwnProperty: status then: createdAt toJSON: messageCount } } }",
  "{ threads { nodes { valueOf: chat { toString: title constructor: id } ...constructor ...toString } } } fragment constructor on Thread { isPrototypeOf: id } fragment toString on Thread { title }",
  `{ messages { nodes { ${"long".repeat(20)}1: run { id } ${"long".repeat(20)}2: thread { id } } } }`,
];

test.each(PLANNED)("a plan answers as the executor does, with no more statements: %s", async (query) => {
  const document = parse(query);

  const planned = await byPlan(document);
  const plannedStatements = admins.statements.length;
  const executed = await byExecutor(document);

  expect(planned).toEqual(executed.data);
  expect(JSON.stringify(planned)).toBe(JSON.stringify(executed.data));
  expect(executed.errors).toBeUndefined();
  expect(plannedStatements).toBeLessThanOrEqual(admins.statements.length);
});

test("a plan answers a thread by its id as the executor does, including instants", async () => {
  const { threads } = await admins.query("{ threads(first: 1) { nodes { id } } }");
  const document = parse(
    `{ thread(id: "${threads.nodes[0].id}") { id status createdAt lastActivityAt messages { nodes { createdAt } ${PAGE} } } }`,
  );

  expect(await byPlan(document)).toEqual((await byExecutor(document)).data);
});

test("a plan reads nothing if an argument is wrong", async () => {
  const query = "{ threads { nodes { id } } messages { nodes { id } } bad: runs(first: 1000) { nodes { id } } }";

  await expect(byPlan(parse(query))).rejects.toThrow("'first' must be from 1 to 100");

  expect(admins.statements).toEqual([]);
});

test("a document with a type or field that needs rights has no plan", () => {
  for (const [query, name, field] of [
    ["{ messages { nodes { id } } }", "Message", null],
    ["{ toolCalls { nodes { output } } }", "ToolCall", "output"],
    ["{ runs { nodes { usage { inputTokens } } } }", "Usage", "inputTokens"],
    ["{ runs { nodes { id } } }", "RunConnection", null],
    ["{ runs { edges { node { id } } } }", "RunEdge", null],
    ["{ runs { edges { cursor node { id } } } }", "RunEdge", "cursor"],
    ["{ runs { nodes { id } pageInfo { hasNextPage } } }", "PageInfo", null],
    ["{ runs { nodes { id } pageInfo { endCursor } } }", "PageInfo", "endCursor"],
  ] as const) {
    const guarded = createSchema();
    const type = guarded.getType(name) as GraphQLObjectType;
    const target = field ? type.getFields()[field] : type;
    expect([query, planOf(parse(query), guarded)]).not.toEqual([query, null]);
    if (target) target.extensions = { ...target.extensions, pothosOptions: { authScopes: { admin: true } } };
    expect([query, planOf(parse(query), guarded)]).toEqual([query, null]);
  }
});

test("a list that joins more than 12 rows to each of its rows has no plan", () => {
  const wide = (count: number) => {
    const joins = Array.from({ length: count }, (_, index) => `x${index}: lastMessage { id }`);
    return planOf(parse(`{ threads { nodes { ${joins.join(" ")} } } }`));
  };
  const deep =
    "{ threads { nodes { a: lastMessage { run { asker { id } thread { id } } author { id } } b: lastMessage { run { asker { id } thread { id } } author { id } } c: lastMessage { run { id } author { id } } } } }";

  expect(wide(12)).not.toBeNull();
  expect(wide(13)).toBeNull();
  expect(planOf(parse(deep))).toBeNull();
});

test("a plan answers pages after and before a cursor as the executor does", async () => {
  const query = (list: string) => parse(`{ page: ${list} { nodes { id } ${PAGE} } }`);
  const first = (await byPlan(query("threads(first: 3)"))) as { page: { pageInfo: { endCursor: string } } };
  const { endCursor } = first.page.pageInfo;

  for (const list of [`threads(first: 2, after: "${endCursor}")`, `threads(last: 2, before: "${endCursor}")`]) {
    expect(await byPlan(query(list))).toEqual((await byExecutor(query(list))).data);
  }
});

test.each([
  "{ threads { nodes { cost { usd } } } }",
  "{ viewer { name } threads { nodes { id } } }",
  "query ($yes: Boolean!) { threads { nodes { id title @include(if: $yes) } } }",
  "{ staff { nodes { invitedBy { name } } } }",
  '{ node(id: "x") { id } }',
  'mutation { revokeAdminToken(input: { id: "x" }) { adminToken { id } } }',
])("a document that only the executor can answer has no plan: %s", (query) => {
  expect(planOf(parse(query))).toBeNull();
});

test("two failing fields of a row are both reported, and no rejection stays without a handler", async () => {
  const codes = await admins.refusal(
    "{ messages { nodes { run { toolCalls(first: 1000) { nodes { id } } } preview(length: 0) { text } } } }",
  );

  expect(new Set(codes)).toEqual(new Set(["BAD_USER_INPUT"]));
});

test("fragments that stand for millions of fields have no plan, and planning stops early", () => {
  const fragments = Array.from({ length: 20 }, (_, index) => {
    const next = index === 19 ? "id" : `...F${index + 1} ...F${index + 1}`;
    return `fragment F${index} on Thread { a${index}: title ${next} }`;
  });

  expect(planOf(parse(`{ threads { nodes { ...F0 } } } ${fragments.join(" ")}`))).toBeNull();
});

function planOf(document: DocumentNode, of: GraphQLSchema = schema) {
  const operation = getOperationAST(document);
  if (!operation) throw new Error("the document has no operation");
  return makePlan(of, document, operation);
}

function argumentsOf(document: DocumentNode) {
  const admin = { name: "test", scope: "admin" as const, tokenId: null };
  const logger = { info: () => undefined };
  admins.statements.length = 0;
  return {
    schema,
    document,
    contextValue: createContext({ ...admins, db: admins.counted, admin, environment: createTestEnvironment(), logger }),
  };
}

function byPlan(document: DocumentNode) {
  const plan = planOf(document);
  if (!plan) throw new Error("no plan for it");
  return runPlan(plan, argumentsOf(document));
}

async function byExecutor(document: DocumentNode) {
  return execute(argumentsOf(document));
}
