import { eq } from "drizzle-orm";
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
import { replies, runs, runText, threads } from "../../../src/db/schema/index.ts";
import { parseSnapshot } from "../../../src/db/snapshot.ts";
import { createContext } from "../../../src/graphql/context.ts";
import type { ActivityEvent } from "../../../src/graphql/live/source-stream.ts";
import { makePlan } from "../../../src/graphql/plan/make-plan.ts";
import { createEventAnswers } from "../../../src/graphql/plan/run-plan.ts";
import { createSchema } from "../../../src/graphql/schema.ts";
import { readingOf } from "../../../src/graphql/types/reading.ts";
import { fc } from "../../support/property.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";
import { createTestEnvironment } from "../api-environment.ts";
import { fillConversations } from "../conversations.ts";
import { parseDrawn, queriesOf } from "../fuzz/queries.ts";
import { valuesFor } from "../fuzz/values.ts";
import { isRowType } from "../plan/planned-fields.ts";
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
      const planned = answerByPlan(event, args);
      fc.pre(planned !== null);

      const executed = await executeSubscriptionEvent({ ...args, rootValue: event, contextValue: newContext() });

      // With wrong arguments of its own, a subscription never begins.
      fc.pre(!executed.errors?.some(({ path }) => path?.length === 1));
      seen.set(event.change.kind, (seen.get(event.change.kind) ?? 0) + 1);
      expect(JSON.stringify(planned)).toBe(JSON.stringify(executed));
    }),
    { numRuns: 150, seed: 20261128 },
  );

  expect([...seen.keys()].sort()).toEqual(["delivery", "message", "run", "started", "text", "toolCall"]);
});

test.each([
  ["another row", "message", "... on MessageAdded { message { author { name } } }"],
  ["a list", "message", "... on MessageAdded { thread { messages { nodes { id } } } }"],
  ["a value that may be large", "toolCall", "... on ToolCallChanged { toolCall { output } }"],
  ["a count", "run", "... on RunChanged { thread { messageCount } }"],
  [
    "a list of runs with their threads",
    "started",
    "... on ActivityStarted { repliesInProgress { run { thread { id } } } }",
  ],
  ["a field with a directive", "message", "... on MessageAdded { cursor @include(if: true) }"],
])("an event that is asked for %s is left to the executor, and the others are not", (_, kind, selection) => {
  const args = argumentsOf(`subscription { activity { ... on ReplyText { delta } ${selection} } }`);

  expect(answerByPlan(eventOf(kind), args)).toBeNull();
  expect(answerByPlan(eventOf("text"), args)).not.toBeNull();
});

test.each([
  ["MessageAdded", ["message"]],
  ["ActivityEvent", ["started", "message", "text", "run", "toolCall"]],
  ["Thread", ["message"]],
])("a type %s that needs rights is left to the executor, which checks them", (name, withoutPlan) => {
  const closed = createSchema();
  const type = closed.getType(name);
  if (!isObjectType(type) && !isInterfaceType(type)) expect.unreachable(`${name} is a type with fields`);
  type.extensions = { ...type.extensions, pothosOptions: { authScopes: { admin: true } } };
  const args = argumentsOf(
    "subscription { activity { ... on ActivityEvent { cursor } ... on MessageAdded { thread { id } } } }",
  );

  const kinds = ["started", "message", "text", "run", "toolCall"];

  expect(kinds.filter((kind) => answerByPlan(eventOf(kind), args) === null)).toEqual([]);
  expect(kinds.filter((kind) => answerByPlan(eventOf(kind), args, closed) === null)).toEqual(withoutPlan);
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

  expect(answerByPlan(eventOf("message"), args)).not.toBeNull();
  expect(answerByPlan(eventOf("message"), args, changed)).toBeNull();
});

function answerByPlan(event: ActivityEvent, args: ReturnType<typeof argumentsOf>, of = schema) {
  const plan = args && makePlan(of, args.document, args.operation);
  return plan && createEventAnswers(plan, args)(event, newContext());
}

function eventOf(kind: string): ActivityEvent {
  const event = events.find(({ change }) => change.kind === kind);
  if (!event) expect.unreachable(`there is an event of the kind ${kind}`);
  return event;
}

/** Null for a document that is not valid, or whose variables are not. */
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

/** All events, as a subscriber that has seen nothing receives them, and the first one of a subscription. */
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
  const started = { kind: "started" as const, scope: { sandbox: false }, repliesInProgress: [{ run, text: "trà" }] };
  const memos = () => ({ memo: new Map(), pageMemo: new Map() });
  return [
    { change: started, cursor: "c", ...memos() },
    ...changes.map((change) => ({ change, cursor: `c${change.key.id}`, ...memos() })),
  ];
}

function isPlanned(typeName: string, fieldName: string): boolean {
  if (typeName === "Query") return fieldName === "viewer";
  if (typeName === "Mutation") return false;
  if (typeName === "Subscription") return fieldName === "activity";
  const type = schema.getType(typeName);
  const field = isRowType(type) && type.getFields()[fieldName];
  return !field || fieldName === "id" || ["property", "columns"].includes(readingOf(field)?.as ?? "");
}
