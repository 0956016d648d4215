import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publish } from "../../../src/db/notify/notify.ts";
import { insertMessages, insertThread } from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";
import { subscribe } from "./subscriber.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

/** Subscribes once per set of variables with one document. Returns the results for one message. */
async function resultsOf(document: string, variables: readonly object[]) {
  const subscribers = [];
  for (const each of variables) subscribers.push(await subscribe(admins, document, { variables: each }));
  for (const subscriber of subscribers) await subscriber.event();
  const thread = await insertThread(admins.db);
  await insertMessages(admins.db, thread.id, ["two products are out"]);
  await publish(admins.db, { type: "run-queued", runId: "x" });
  const results = await Promise.all(subscribers.map((subscriber) => subscriber.next()));
  await Promise.all(subscribers.map((subscriber) => subscriber.close()));
  return results;
}

const ADDED = `activity(filter: { types: [MESSAGE_ADDED] }) { __typename
  ... on MessageAdded { message { role text @include(if: $withText) } } }`;

test.each([
  ["in the field", `subscription ($withText: Boolean!) { ${ADDED} }`],
  ["in an inline fragment", `subscription ($withText: Boolean!) { ... on Subscription { ... { ${ADDED} } } }`],
  ["in a fragment", `subscription ($withText: Boolean!) { ...all } fragment all on Subscription { ${ADDED} }`],
])("subscribers with one document and different variables get different results: %s", async (_, document) => {
  const results = await resultsOf(document, [{ withText: true }, { withText: false }]);

  const message = { role: "USER" };
  expect(results.map((result) => result?.data.activity.message)).toEqual([
    { ...message, text: "two products are out" },
    message,
  ]);
});

test("a null variable differs from a missing one, which has its default", async () => {
  const document = `subscription ($length: Int = 3) { activity(filter: { types: [MESSAGE_ADDED] }) { __typename
    ... on MessageAdded { message { preview(length: $length) { text } } } } }`;

  const [withNull, leftOut] = await resultsOf(document, [{ length: null }, {}]);

  expect(withNull?.errors).toHaveLength(1);
  expect(leftOut?.errors).toBeUndefined();
  expect(leftOut?.data.activity.message.preview.text).toMatch(/^tw/);
});

test("an error in an event is logged once for all subscribers", async () => {
  const document = `subscription { activity(filter: { types: [MESSAGE_ADDED] }) { __typename
    ... on MessageAdded { message { revisions { text } } } } }`;
  await admins.db.execute(sql`alter table message_revisions rename to elsewhere`);

  const results = await resultsOf(document, [{}, {}, {}]).finally(() =>
    admins.db.execute(sql`alter table elsewhere rename to message_revisions`),
  );

  const [error] = results[0]?.errors ?? [];
  expect(error?.message).toMatch(/^Unexpected error, reference /);
  expect(results.map((result) => result?.errors?.[0]?.message)).toEqual(Array(3).fill(error?.message));
  expect(admins.errors).toHaveLength(1);
});
