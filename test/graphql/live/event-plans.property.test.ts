import { eq } from "drizzle-orm";
import fc from "fast-check";
import {
  executeSubscriptionEvent,
  getOperationAST,
  isInterfaceType,
  isObjectType,
  type ValidatedSubscriptionArgs,
  validate,
  validateSubscriptionArgs,
} from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findChangePage } from "../../../src/db/queries/admin/activity.ts";
import { isColumn, SHAPED, type ShapedKind } from "../../../src/db/queries/admin/shapes.ts";
import { replies, runs, runText, threads } from "../../../src/db/schema/index.ts";
import { parseSnapshot } from "../../../src/db/snapshot.ts";
import { createContext } from "../../../src/graphql/context.ts";
import type { ActivityEvent } from "../../../src/graphql/live/source-stream.ts";
import { COLUMNS } from "../../../src/graphql/plan/knowledge.ts";
import { planEvents } from "../../../src/graphql/plan/make-plan.ts";
import { createEventAnswers } from "../../../src/graphql/plan/run-event-plan.ts";
import { createSchema } from "../../../src/graphql/schema.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";
import { createTestEnvironment } from "../api-environment.ts";
import { fillConversations } from "../conversations.ts";
import { parseDrawn, queriesOf } from "../fuzz/queries.ts";
import { valuesFor } from "../fuzz/values.ts";
import { prunedSchema } from "../pruned-schema.ts";

let admins: AdminClient;
let events: ActivityEvent[];
const schema = createSchema();
beforeAll(async () => {
  admins = await startAdminApi();
  await fillConversations(admins.db);
  events = await eventsOfAllKinds();
});
afterAll(() => admins.close());

test("a plan answers any document of an event like the executor", async () => {
  const known = { ids: events.map(({ cursor }) => cursor), cursors: events.map(({ cursor }) => cursor) };
  const documents = queriesOf(prunedSchema(schema, isPlanned), {
    mood: "tame",
    valuesOf: valuesFor(known, "tame"),
    isLive: true,
  });
  const seen = new Map<string, number>();

  await fc.assert(
    fc.asyncProperty(documents, fc.nat(events.length - 1), async ({ text, variables }, index) => {
      const event = events[index];
      const args = argumentsOf(text, variables);
      fc.pre(event !== undefined && args !== null);
      const plans = planEvents(schema, args.document, args.operation);
      const planned = plans && createEventAnswers(plans, args)(event, newContext());
      fc.pre(planned !== null);

      const executed = await executeSubscriptionEvent({ ...args, rootValue: event, contextValue: newContext() });

      // The subscription's own arguments: with wrong ones it never begins.
      fc.pre(!executed.errors?.some(({ path }) => path?.length === 1));
      seen.set(event.change.kind, (seen.get(event.change.kind) ?? 0) + 1);
      expect(JSON.stringify(planned)).toBe(JSON.stringify(executed));
    }),
    { numRuns: 150, seed: 20261128 },
  );

  expect([...seen.keys()].sort()).toEqual(["delivery", "message", "run", "text", "toolCall"]);
});

test.each([
  ["a row to load", "... on MessageAdded { message { author { name } } }"],
  ["a list", "... on MessageAdded { thread { messages { nodes { id } } } }"],
  ["a large value", "... on ToolCallChanged { toolCall { output } }"],
  ["a count", "... on RunChanged { thread { messageCount } }"],
  ["runs in progress", "... on ActivityStarted { repliesInProgress { run { id } } }"],
  ["a directive", "... on MessageAdded { cursor @include(if: true) }"],
])("a selection with %s has no plan, other types have one", (_, selection) => {
  const args = argumentsOf(`subscription { activity { ... on ReplyText { delta } ${selection} } }`);
  const plans = args && planEvents(schema, args.document, args.operation);

  expect(plans?.byType.has(/on (\w+)/.exec(selection)?.[1] ?? "")).toBe(false);
  expect(plans?.byType.has("ReplyText")).toBe(true);
});

test.each([
  ["MessageAdded", ["MessageAdded"]],
  ["ActivityEvent", ["ActivityStarted", "MessageAdded", "ReplyText", "RunChanged", "ToolCallChanged"]],
  ["Thread", ["MessageAdded"]],
])("fields of %s with scopes have no plan: the executor checks rights", (name, withoutPlan) => {
  const closed = createSchema();
  const type = closed.getType(name);
  if (!isObjectType(type) && !isInterfaceType(type)) expect.unreachable(`${name} is a type with fields`);
  type.extensions = { ...type.extensions, pothosOptions: { authScopes: { admin: true } } };
  const args = argumentsOf(
    "subscription { activity { ... on ActivityEvent { cursor } ... on MessageAdded { thread { id } } } }",
  );
  if (!args) expect.unreachable("it is a document of ours");

  const open = planEvents(schema, args.document, args.operation);
  const plans = planEvents(closed, args.document, args.operation);

  expect([...(open?.byType.keys() ?? [])].filter((key) => !plans?.byType.has(key))).toEqual(withoutPlan);
});

test.each([
  ["an id", () => "01990000-0000-7000-8000-000000000000"],
  ["a promise", () => Promise.resolve({ id: "x" })],
  ["a rejected promise", () => Promise.reject(new Error("not found"))],
  ["nothing", () => null],
  [
    "an error",
    () => {
      throw new Error("not found");
    },
  ],
])("an event whose thread resolves to %s is left to the executor", (_, resolve) => {
  const changed = createSchema();
  const type = changed.getType("MessageAdded");
  if (!isObjectType(type)) expect.unreachable("it is an object type");
  const field = type.getFields().thread;
  if (!field) expect.unreachable("a message is said in a thread");
  field.resolve = resolve;
  const args = argumentsOf("subscription { activity { ... on MessageAdded { thread { id } } } }");
  const plans = args && planEvents(changed, args.document, args.operation);
  if (!plans) expect.unreachable("it has a plan");
  const event = events.find(({ change }) => change.kind === "message");

  expect(createEventAnswers(plans, args)(event, newContext())).toBeNull();
});

/** Null for a document that is invalid for other reasons. */
function argumentsOf(text: string, variableValues = {}) {
  const document = parseDrawn(text);
  const operation = document && getOperationAST(document);
  if (!document || !operation || validate(schema, document).length > 0) return null;
  const args = validateSubscriptionArgs({ schema, document, variableValues, contextValue: newContext() });
  return "document" in args ? (args as ValidatedSubscriptionArgs & { document: typeof document }) : null;
}

function newContext() {
  const admin = { name: "test", scope: "admin" as const, tokenId: null };
  return createContext({ ...admins, admin, environment: createTestEnvironment(), logger: { info: () => undefined } });
}

/** All changes since the first transaction, as events. */
async function eventsOfAllKinds(): Promise<ActivityEvent[]> {
  const [run] = await admins.db.select().from(runs).limit(1);
  if (!run) expect.unreachable("the conversations have runs");
  const [thread] = await admins.db.select().from(threads).where(eq(threads.id, run.threadId));
  if (!thread) expect.unreachable("a run has a thread");
  await admins.db.insert(replies).values({ runId: run.id, chatId: thread.chatId });
  await admins.db.insert(runText).values({ runId: run.id, offset: 3, text: "trà đá 🧋" });
  const seen = parseSnapshot("3:3:");
  if (!seen) expect.unreachable("it is a snapshot");
  const { changes } = await findChangePage(admins.db, { seen }, { scope: { sandbox: false }, limit: 500 });
  return changes.map((change) => ({ change, cursor: `c${change.key.id}`, memo: new Map(), pageMemo: new Map() }));
}

function isPlanned(type: string, field: string): boolean {
  if (type === "Query") return field === "viewer";
  if (type === "Mutation") return false;
  if (type === "Subscription") return field === "activity";
  if (!(type in SHAPED)) return true;
  return `${type}.${field}` in COLUMNS || isColumn(type as ShapedKind, field);
}
