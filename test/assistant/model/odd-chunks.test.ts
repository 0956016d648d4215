/** Chunks of Chat Completions as servers send them that deviate from OpenAI's. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ModelError } from "../../../src/assistant/model/errors/error.ts";
import { createModel } from "../../../src/assistant/model/model.ts";
import { question } from "./model-question.ts";

const tools = ["CheckOutOfStock", "GetDailyRevenue"].map((name) => ({ name, description: name, parameters: {} }));

const line = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const chunk = (delta: object, finish_reason: string | null = null) =>
  line({ choices: [{ index: 0, delta, finish_reason }] });
const call = (fields: object) => chunk({ tool_calls: [{ index: 0, ...fields }] });
const END = chunk({}, "stop");

/** Asks a server whose stream is this body. */
async function ask(body: string, api: "chat" | "responses" = "chat") {
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(body);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const model = createModel({ apiKey: null, baseUrl, name: "test-model", api });
  return model.answer(
    { ...question, tools, mayCallTools: true },
    { signal: new AbortController().signal, onText: () => undefined },
  );
}

test.each<[string, string, string]>([
  ["an event without data", `data: \n\n${chunk({ content: "Milk" })}data:\n\n${END}`, "Milk"],
  [
    "two choices, in any order",
    line({
      choices: [
        { index: 1, delta: { content: "Tea" } },
        { index: 0, delta: { content: "Milk" } },
      ],
    }) + END,
    "Milk",
  ],
  ["a text instead of a delta", line({ choices: [{ index: 0, text: "Milk" }] }) + END, "Milk"],
  ["usage before the first choice", line({ choices: [], usage: {} }) + chunk({ content: "Milk" }) + END, "Milk"],
])("%s", async (_name, body, text) => {
  expect((await ask(body)).text).toBe(text);
});

test.each<[string, string]>([
  [
    "the name in two pieces",
    call({ id: "a", function: { name: "GetDaily", arguments: "" } }) +
      call({ function: { name: "Revenue", arguments: '{"date":null}' } }),
  ],
  [
    "the name with each piece",
    call({ id: "a", function: { name: "GetDailyRevenue", arguments: '{"da' } }) +
      call({ id: "a", function: { name: "GetDailyRevenue", arguments: 'te":null}' } }),
  ],
  [
    "a function call of the time before tools",
    chunk({ function_call: { name: "GetDailyRevenue", arguments: "" } }) +
      chunk({ function_call: { arguments: '{"date":' } }) +
      chunk({ function_call: { arguments: "null}" } }),
  ],
])("a call told by %s is one call", async (_name, body) => {
  const { calls } = await ask(body + chunk({}, "tool_calls"));

  expect(calls.map(({ name, arguments: written }) => [name, written])).toEqual([["GetDailyRevenue", '{"date":null}']]);
});

test.each<[string, string, string, string]>([
  ["an event named error", 'event: error\ndata: {"message":"boom","type":"server_error"}\n\n', "MODEL_FAILED", "boom"],
  [
    "an interrupted answer",
    chunk({}, "insufficient_system_resource"),
    "MODEL_UNAVAILABLE",
    "insufficient_system_resource",
  ],
  ["an aborted answer", chunk({}, "abort"), "MODEL_UNAVAILABLE", "abort"],
])("%s is a failure with the server's words", async (_name, body, code, words) => {
  const error = await ask(chunk({ content: "Oat" }) + body).catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(ModelError);
  expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
});

test.each([
  ["responses", chunk({ content: "Milk" }) + END, "set OPENAI_API=chat"],
  ["chat", line({ type: "response.output_text.delta", delta: "Milk" }), "set OPENAI_API=responses"],
] as const)("a server that answers %s in the other form: the error says what to set", async (api, body, words) => {
  await expect(ask(body, api)).rejects.toMatchObject({
    code: "MODEL_REFUSED_REQUEST",
    message: expect.stringContaining(words),
  });
});

test.each([
  'functools[{"name": "CheckOutOfStock", "arguments": {}}]',
  "```tool_code\nprint(CheckOutOfStock())\n```",
  "```python\nCheckOutOfStock()\n```",
])("a call that is written as a program is none: %j", async (content) => {
  await expect(ask(chunk({ content }) + END)).rejects.toMatchObject({ code: "MODEL_TOOLS_AS_TEXT" });
});
