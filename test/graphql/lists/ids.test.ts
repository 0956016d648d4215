import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import { ADMIN_TOKEN, type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

const ROW = "01990000-0000-7000-8000-000000000000";
const MESSAGE = encodeGlobalId("Message", ROW);
const OF_NO_TYPE = encodeGlobalId("Viewer", ROW);

const NEEDS_THREAD = `Expected an id of type Thread, but ${MESSAGE} has type Message`;

test.each([
  ["an argument", `{ thread(id: "${MESSAGE}") { id } }`, NEEDS_THREAD],
  ["a filter", `{ messages(filter: { threadId: "${MESSAGE}" }) { nodes { id } } }`, NEEDS_THREAD],
  ["an invalid argument", '{ thread(id: "rubbish") { id } }', 'Not an id of this API: "rubbish"'],
  ["a node", '{ node(id: "rubbish") { id } }', 'Not an id of this API: "rubbish"'],
  ["one of many nodes", `{ nodes(ids: ["${MESSAGE}", "x"]) { id } }`, 'Not an id of this API: "x"'],
  ["a type that has no ids", `{ node(id: "${OF_NO_TYPE}") { id } }`, `Not an id of this API: "${OF_NO_TYPE}"`],
  [
    "a change",
    `mutation { revokeAdminToken(input: { id: "${MESSAGE}" }) { userErrors { code } } }`,
    `Expected an id of type AdminToken, but ${MESSAGE} has type Message`,
  ],
])("an invalid id is refused with a message that says what is expected: %s", async (_, query, message) => {
  const { body } = await admins.ask(query);

  expect(body.errors).toEqual([expect.objectContaining({ message, extensions: { code: "BAD_USER_INPUT" } })]);
  expect(admins.errors).toEqual([]);
});

test("subscriptions refuse such ids, too", async () => {
  const query = `subscription { threadActivity(threadId: "${MESSAGE}") { __typename } }`;

  const response = await admins.api.fetch("http://localhost/graphql", {
    method: "POST",
    headers: {
      accept: "text/event-stream",
      "content-type": "application/json",
      authorization: `Bearer ${ADMIN_TOKEN}`,
    },
    body: JSON.stringify({ query }),
  });

  expect(await response.text()).toContain(JSON.stringify(NEEDS_THREAD));
});
