import {
  execute,
  type GraphQLField,
  type GraphQLObjectType,
  getNamedType,
  getOperationAST,
  isObjectType,
  isRequiredArgument,
  parse,
} from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findRows } from "../../../src/db/queries/admin/paging.ts";
import { listThreads } from "../../../src/db/queries/admin/threads.ts";
import { builder } from "../../../src/graphql/builder.ts";
import { createContext } from "../../../src/graphql/context.ts";
import { makePlan } from "../../../src/graphql/plan/make-plan.ts";
import { runPlan } from "../../../src/graphql/plan/run-plan.ts";
import { createSchema } from "../../../src/graphql/schema.ts";
import { MessageConnection } from "../../../src/graphql/types/connections.ts";
import { openMessagesOfThread } from "../../../src/graphql/types/conversations/message.ts";
import { Message, Thread } from "../../../src/graphql/types/nodes.ts";
import { fromColumns, joined, listOfRow } from "../../../src/graphql/types/reading.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";
import { createTestEnvironment } from "../api-environment.ts";
import { fillConversations } from "../conversations.ts";
import { isPlannedOfRow, isRowType, rowLists } from "./planned-fields.ts";

// As a developer would add them to a type: nothing else knows of them.
builder.objectFields(Message, (t) => ({
  heading: t.exposeString("text"),
  loud: fromColumns(t, "text", "createdAt").string({
    resolve: ({ text, createdAt }) => `${text.toUpperCase()} ${createdAt.getTime()}`,
  }),
  conversation: t.expose("threadId", { type: Thread, ...joined }),
  unjoined: t.expose("threadId", { type: Thread }),
  quiet: t.string({ resolve: ({ text }) => text.toLowerCase() }),
  later: t.string({ resolve: async ({ text }) => text }),
  secret: t.exposeString("text", { authScopes: { admin: true } }),
  where: t.field({ type: Thread, resolve: ({ threadId }) => threadId }),
}));
builder.objectFields(Thread, (t) => ({
  utterances: t.field({
    type: MessageConnection,
    ...listOfRow((context, id) => openMessagesOfThread(context, id, { first: 2 })),
  }),
}));

builder.queryField("firstThreads", (t) =>
  t.field({
    type: [Thread],
    resolve: async (_, __, { db, environment }) => {
      const listing = listThreads(db, {}, "createdAt", environment.sandbox);
      return findRows(db, listing, { descending: false, backward: false, limit: 2 }, undefined);
    },
  }),
);

let admins: AdminClient;
const schema = createSchema();
beforeAll(async () => {
  admins = await startAdminApi();
  await fillConversations(admins.db);
});
afterAll(() => admins.close());

test.each([
  "{ messages { nodes { heading } } }",
  "{ messages { nodes { loud } } }",
  "{ messages { nodes { conversation { title } } } }",
  "{ threads { nodes { utterances { nodes { heading } pageInfo { hasNextPage } } } } }",
])("a field that states how it is read is planned: %s", async (query) => {
  const answer = await answerByPlan(query);

  expect(answer).not.toBeNull();
  expect(JSON.stringify(answer)).toBe(JSON.stringify((await answerByExecutor(query)).data));
});

test.each(["quiet", "later", "where { title }", "unjoined { title }", "secret"])(
  "a field that states nothing, or needs rights, is executed: %s",
  async (field) => {
    const query = `{ messages { nodes { heading ${field} } } }`;

    expect(await answerByPlan(query)).toBeNull();
    expect((await answerByExecutor(query)).errors).toBeUndefined();
  },
);

test.each(plannedFields())("a plan answers %s.%s as the executor does", async (typeName, fieldName, query) => {
  const answer = await answerByPlan(query);

  expect([typeName, fieldName, answer]).not.toEqual([typeName, fieldName, null]);
  expect(JSON.stringify(answer)).toBe(JSON.stringify((await answerByExecutor(query)).data));
});

test("a root field that resolves to several rows is executed", async () => {
  const query = "{ firstThreads { id title } }";

  expect(await answerByPlan(query)).toBeNull();
  expect((await answerByExecutor(query)).data?.firstThreads).toHaveLength(2);
});

/** Each field of a row that a plan can answer, with a query for it. */
function plannedFields(): [type: string, field: string, query: string][] {
  return [...pathsToRows()].flatMap(([type, ask]) =>
    Object.values(type.getFields())
      .filter(({ name }) => isPlannedOfRow(type, name) && name !== "secret")
      .map((field): [string, string, string] => [type.name, field.name, ask(request(field))]),
  );
}

/** How to ask for fields of each type of rows: in a list of them, or in a row of such a list that refers to them. */
function pathsToRows(): Map<GraphQLObjectType, (fields: string) => string> {
  const paths = new Map<GraphQLObjectType, (fields: string) => string>();
  for (const [list, type] of rowLists(schema)) paths.set(type, (fields) => `{ ${list} { nodes { ${fields} } } }`);
  for (const [type, ask] of [...paths]) {
    for (const field of Object.values(type.getFields())) {
      const other = getNamedType(field.type);
      if (isPlannedOfRow(type, field.name) && isRowType(other) && !paths.has(other))
        paths.set(other, (fields) => ask(`${field.name} { ${fields} }`));
    }
  }
  return paths;
}

function request({ name, type, args }: GraphQLField<unknown, unknown>): string {
  const required = args
    .filter((argument) => isRequiredArgument(argument))
    .map((argument) => `${argument.name}: "word"`);
  const given = required.length > 0 ? `(${required.join(", ")})` : "";
  const object = getNamedType(type);
  if (!isObjectType(object)) return `${name}${given}`;
  const inner = isRowType(object) ? ["id"] : Object.values(object.getFields()).map((field) => request(field));
  return `${name}${given} { ${inner.join(" ")} }`;
}

function argumentsOf(query: string) {
  const admin = { name: "test", scope: "admin" as const, tokenId: null };
  const logger = { info: () => undefined };
  const contextValue = createContext({ ...admins, admin, environment: createTestEnvironment(), logger });
  return { schema, document: parse(query), contextValue };
}

/** Null if there is no plan. */
async function answerByPlan(query: string) {
  const args = argumentsOf(query);
  const operation = getOperationAST(args.document);
  const plan = operation && makePlan(schema, args.document, operation);
  return plan && runPlan(plan, args);
}

async function answerByExecutor(query: string) {
  return execute(argumentsOf(query));
}
