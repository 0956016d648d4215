import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import { insertMessages, insertThread, instant } from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

test("a list of messages has their quotes, all in one statement; the id leads to the quoted message", async () => {
  const { id: threadId } = await insertThread(admins.db);
  const [answer] = await insertMessages(admins.db, threadId, [{ text: "187.000 ₫", role: "assistant" }]);
  await insertMessages(admins.db, threadId, [
    {
      position: 2,
      text: "why?",
      createdAt: instant("2100-01-01T00:00:00Z"),
      quoteText: "187.000",
      quoteContext: "187.000 ₫",
      quoteMessageId: answer?.id ?? null,
    },
    { position: 3, text: "when?", createdAt: instant("2100-01-01T00:00:01Z"), quoteText: "Milk comes" },
  ]);
  admins.statements.length = 0;

  const { messages } = await admins.query(
    "{ messages(orderBy: { field: CREATED_AT, direction: ASC }) { nodes { text quote { text messageId } } } }",
  );

  expect(admins.statements).toHaveLength(1);
  const messageId = encodeGlobalId("Message", answer?.id ?? "");
  expect(messages.nodes).toEqual([
    { text: "187.000 ₫", quote: null },
    { text: "why?", quote: { text: "187.000", messageId } },
    { text: "when?", quote: { text: "Milk comes", messageId: null } },
  ]);
  const { node } = await admins.query("query ($id: ID!) { node(id: $id) { ... on Message { text } } }", {
    id: messageId,
  });
  expect(node).toEqual({ text: "187.000 ₫" });
});
