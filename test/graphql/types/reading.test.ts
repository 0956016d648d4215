import { afterAll, beforeAll, expect, test } from "vitest";
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
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

test("one query shows a thread with its messages, runs, tool calls and delivery", async () => {
  const { db } = admins;
  const linh = await insertStaffMember(db, { name: "Linh", username: "linh", telegramUserId: 4_503_599_627_370_495 });
  const chat = await insertChat(db, { type: "supergroup", title: "Xi Pho 🧋", telegramId: -1_001_234_567_890 });
  const thread = await insertThread(db, { chatId: chat.id, title: "what's out?", status: "open" });
  const run = await insertRun(db, {
    threadId: thread.id,
    model: "gpt-6-luna",
    attempt: 1,
    inputTokens: 100,
    outputTokens: 20,
    startedAt: instant("2026-11-15T08:00:00.000Z"),
    completedAt: instant("2026-11-15T08:00:01.234Z"),
  });
  await insertToolCall(db, run, { arguments: { limit: 3 }, output: { out_of_stock: ["Sữa yến mạch"] } });
  await insertMessages(db, thread.id, [
    { text: "what's out?", authorId: linh.id, runId: run.id },
    { text: "**2** products.", runId: run.id },
  ]);
  await insertReply(db, {
    runId: run.id,
    chatId: chat.id,
    telegramMessageIds: [7, 8],
    status: "delivered",
    deliveredAt: new Date("2026-11-15T08:00:02Z"),
  });
  const [found] = (await admins.query("{ threads { nodes { id } } }")).threads.nodes;

  const data = await admins.query(
    `query ($id: ID!) { thread(id: $id) {
      title status messageCount chat { type title telegramId }
      lastMessage { role text } question: lastMessage(role: USER) { text }
      messages { nodes { role text author { name username telegramUserId role removedAt } run { status } thread { title } } }
      runs { nodes {
        status model attempt durationMs error { code } usage { inputTokens cachedInputTokens outputTokens reasoningTokens }
        message { text } delivery { status telegramMessageIds deliveredAt error }
        toolCalls { nodes { round name arguments output error status run { model } thread { title } } }
      } }
      toolCalls { totalCount }
    } }`,
    { id: found.id },
  );

  const author = { name: "Linh", username: "linh", telegramUserId: "4503599627370495", role: "STAFF", removedAt: null };
  expect(data.thread).toEqual({
    title: "what's out?",
    status: "OPEN",
    messageCount: 2,
    chat: { type: "SUPERGROUP", title: "Xi Pho 🧋", telegramId: "-1001234567890" },
    lastMessage: { role: "ASSISTANT", text: "**2** products." },
    question: { text: "what's out?" },
    messages: {
      nodes: [
        { role: "USER", text: "what's out?", author, run: { status: "COMPLETED" }, thread: { title: "what's out?" } },
        {
          role: "ASSISTANT",
          text: "**2** products.",
          author: null,
          run: { status: "COMPLETED" },
          thread: { title: "what's out?" },
        },
      ],
    },
    runs: {
      nodes: [
        {
          status: "COMPLETED",
          model: "gpt-6-luna",
          attempt: 1,
          durationMs: 1234,
          error: null,
          usage: { inputTokens: 100, cachedInputTokens: 0, outputTokens: 20, reasoningTokens: 0 },
          message: { text: "**2** products." },
          delivery: {
            status: "DELIVERED",
            telegramMessageIds: ["7", "8"],
            deliveredAt: "2026-11-15T08:00:02.000Z",
            error: null,
          },
          toolCalls: {
            nodes: [
              {
                round: 1,
                name: "CheckOutOfStock",
                arguments: { limit: 3 },
                output: { out_of_stock: ["Sữa yến mạch"] },
                error: null,
                status: "SUCCEEDED",
                run: { model: "gpt-6-luna" },
                thread: { title: "what's out?" },
              },
            ],
          },
        },
      ],
    },
    toolCalls: { totalCount: 1 },
  });
});
