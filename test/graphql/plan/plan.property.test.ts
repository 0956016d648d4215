import { execute, getOperationAST, parse, validate } from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createContext } from "../../../src/graphql/context.ts";
import { makePlan } from "../../../src/graphql/plan/make-plan.ts";
import { runPlan } from "../../../src/graphql/plan/run-plan.ts";
import { createSchema } from "../../../src/graphql/schema.ts";
import { fc } from "../../support/property.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";
import { createTestEnvironment } from "../api-environment.ts";
import { fillConversations } from "../conversations.ts";
import { parseDrawn, queriesOf } from "../fuzz/queries.ts";
import { valuesFor } from "../fuzz/values.ts";
import { prunedSchema } from "../pruned-schema.ts";
import { isPlannedOfRow, isRowType, rowLists } from "./planned-fields.ts";

let admins: AdminClient;
const schema = createSchema();
beforeAll(async () => {
  admins = await startAdminApi();
  await fillConversations(admins.db);
});
afterAll(() => admins.close());

test("a plan answers any document of planned fields as the executor does", async () => {
  const known = { ids: await idsOf("threads"), cursors: await cursorsOf("threads") };
  const queries = queriesOf(prunedSchema(schema, isPlanned), { mood: "tame", valuesOf: valuesFor(known, "tame") });
  const seen = { planned: 0, withRows: 0, refused: 0 };

  await fc.assert(
    fc.asyncProperty(queries, async ({ text, variables }) => {
      const document = parseDrawn(text);
      fc.pre(document !== null);
      fc.pre(validate(schema, document).length === 0);
      const operation = getOperationAST(document);
      const plan = operation && makePlan(schema, document, operation);
      fc.pre(plan !== null && plan !== undefined);

      const executed = await execute(argumentsOf(text, variables));
      const planned = await runPlan(plan, argumentsOf(text, variables)).catch(() => null);

      seen.planned += 1;
      // If a plan fails, the executor's answer is used, with its errors.
      if (executed.errors) seen.refused += 1;
      if (planned === null) expect(executed.errors).toBeDefined();
      else expect(JSON.stringify(planned)).toBe(JSON.stringify(executed.data));
      if (JSON.stringify(planned)?.includes("[{")) seen.withRows += 1;
    }),
    { numRuns: 120, seed: 20261124 },
  );

  expect(seen.planned - seen.refused).toBeGreaterThan(40);
  expect(seen.withRows).toBeGreaterThan(15);
});

function argumentsOf(text: string, variableValues: Record<string, unknown>) {
  const admin = { name: "test", scope: "admin" as const, tokenId: null };
  const logger = { info: () => undefined };
  const contextValue = createContext({ ...admins, admin, environment: createTestEnvironment(), logger });
  return { schema, document: parse(text), variableValues, contextValue };
}

async function idsOf(list: string): Promise<string[]> {
  return (await admins.query(`{ page: ${list} { nodes { id } } }`)).page.nodes.map(({ id }: { id: string }) => id);
}

async function cursorsOf(list: string): Promise<string[]> {
  const { page } = await admins.query(`{ page: ${list} { edges { cursor } } }`);
  return page.edges.map(({ cursor }: { cursor: string }) => cursor);
}

function isPlanned(typeName: string, field: string): boolean {
  if (typeName === "Mutation" || typeName === "Subscription") return false;
  if (typeName === "Query") return rowLists(schema).has(field);
  const type = schema.getType(typeName);
  return !isRowType(type) || isPlannedOfRow(type, field);
}
