/** However a server tells an answer, the same answer comes out. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createModel } from "../../../src/assistant/model/model.ts";
import { fc } from "../../support/property.ts";
import { question } from "./model-question.ts";
import { answers, type Item, manners, tellChunks, tellResponse } from "./told-answers.ts";

let lines: readonly string[] = [];
const server = createServer((request, response) => {
  request.resume().once("end", () => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const line of lines) response.write(line);
    response.end();
  });
});

beforeAll(() => once(server.listen(0, "127.0.0.1"), "listening"));

afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, "close");
});

const tools = ["CheckDailyRevenue", "CheckOutOfStock"].map((name) => ({ name, description: "", parameters: {} }));

async function hear(api: "responses" | "chat", told: readonly string[]) {
  lines = told;
  const { port } = server.address() as AddressInfo;
  const model = createModel({ apiKey: null, baseUrl: `http://127.0.0.1:${port}/v1`, name: "test-model", api });
  const deltas: string[] = [];
  const answer = await model.answer(
    { ...question, tools },
    { signal: new AbortController().signal, onText: (delta) => deltas.push(delta) },
  );
  const calls = answer.calls.map(({ name, arguments: written }) => ({ name, arguments: JSON.parse(written) }));
  return { answer, streamed: deltas.join(""), text: answer.text, calls };
}

function expected(items: readonly Item[], separator: string) {
  const text = items.flatMap((item) => (item.type === "message" ? [item.text] : [])).join(separator);
  const calls = items.flatMap((item) => (item.type === "call" ? [{ name: item.name, arguments: item.arguments }] : []));
  return { text, streamed: text, calls };
}

test("the Responses API: the same answer, in whichever events it is told", async () => {
  await fc.assert(
    fc.asyncProperty(answers, manners, async (items, manner) => {
      const heard = await hear("responses", tellResponse(items, manner));

      expect(heard).toMatchObject(expected(items, "\n\n"));
      expectSendable(heard.answer);
    }),
    { numRuns: 1_500 },
  );
});

test("Chat Completions: the same answer, in whichever chunks it is told", async () => {
  await fc.assert(
    fc.asyncProperty(
      answers,
      fc.record({ manner: manners, callsHave: fc.constantFrom("indexes", "index 0", "no index") }),
      async (items, { manner, callsHave }) => {
        const heard = await hear("chat", tellChunks(items, { ...manner, callsHave }));

        expect(heard).toMatchObject(expected(items, ""));
        expect(heard.answer.usage).toMatchObject({ inputTokens: 5, outputTokens: 2 });
        expectSendable(heard.answer);
      },
    ),
    { numRuns: 1_000 },
  );
});

/** Every call is an item with an id and arguments that the strictest server takes back. */
function expectSendable({ items, calls }: { items: object[]; calls: { callId: string }[] }): void {
  const sent = items.filter((item) => "type" in item && item.type === "function_call") as Record<string, string>[];
  expect(sent.map(({ call_id: callId }) => callId)).toEqual(calls.map(({ callId }) => callId));
  expect(new Set(calls.map(({ callId }) => callId)).size).toBe(calls.length);
  for (const { call_id: callId, id = "fc", arguments: written } of sent) {
    expect(callId).toMatch(/^[\w-]{1,64}$/);
    expect(id).toMatch(/^[\w-]{1,64}$/);
    expect(JSON.parse(written ?? "")).toBeTypeOf("object");
  }
}
