/** The stand-in of Chat Completions: it streams as OpenAI's does, and refuses what that refuses. */
import OpenAI, { APIError } from "openai";
import { afterEach, expect, test } from "vitest";
import type { Dialect } from "../../../sandbox/model/chat/dialect.ts";
import {
  createModelStandIn,
  type ModelStandIn,
  type ModelStandInOptions,
} from "../../../sandbox/model/model-stand-in.ts";
import { calls, fails, says } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";

let standIn: ModelStandIn | undefined;
afterEach(async () => {
  await standIn?.close();
  standIn = undefined;
});

async function open(turn: Turn, options: Partial<ModelStandInOptions> = {}): Promise<OpenAI> {
  standIn = await createModelStandIn({ api: "chat", answer: () => turn, ...options });
  return new OpenAI({ apiKey: "key", baseURL: standIn.url, maxRetries: 0, logLevel: "off" });
}

const user = { role: "user", content: "what is out?" };
const parameters = { type: "object", properties: {}, required: [], additionalProperties: false };
const toolOf = (fields: object) => ({ type: "function", function: { name: "Stock", parameters, ...fields } });
const assistant = (...ids: string[]) => ({
  role: "assistant",
  content: null,
  tool_calls: ids.map((id) => ({ id, type: "function", function: { name: "Stock", arguments: "{}" } })),
});
const output = (id: string) => ({ role: "tool", tool_call_id: id, content: "{}" });

/** Sends a body of any form. @returns the refusal, or null. */
async function refusalOf(client: OpenAI, body: object): Promise<APIError | null> {
  const sent = { model: "m", messages: [user], ...body };
  return client.chat.completions.create(sent as never).then(
    () => null,
    (error: unknown) => {
      if (error instanceof APIError) return error;
      throw error;
    },
  );
}

test("text, calls and usage are streamed in OpenAI's chunks", async () => {
  const client = await open({
    parts: [
      { kind: "text", text: ["Oat", " milk"] },
      { kind: "call", name: "Stock", arguments: { n: 1 }, callId: "call_1" },
      { kind: "call", name: "Sales", arguments: {}, callId: "call_2" },
    ],
  });

  const stream = await client.chat.completions.create({
    model: "m",
    messages: [{ role: "user", content: "what is out?" }],
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = await Array.fromAsync(stream);
  const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
  const pieces = deltas.flatMap((delta) => delta.tool_calls ?? []);

  expect(deltas[0]).toEqual({ role: "assistant", content: "" });
  expect(deltas.map(({ content }) => content ?? "").join("")).toBe("Oat milk");
  expect(pieces.filter(({ id }) => id).map(({ index, id, function: called }) => [index, id, called?.name])).toEqual([
    [0, "call_1", "Stock"],
    [1, "call_2", "Sales"],
  ]);
  expect(
    pieces
      .filter(({ index }) => index === 0)
      .map((piece) => piece.function?.arguments)
      .join(""),
  ).toBe('{"n":1}');
  expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("tool_calls");
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: expect.any(Number) } });
});

test("without streaming the answer is one object", async () => {
  const client = await open({ ...says("Oat milk."), ending: { kind: "incomplete", reason: "max_output_tokens" } });

  const { choices } = await client.chat.completions.create({
    model: "m",
    messages: [{ role: "user", content: "what is out?" }],
  });

  expect(choices).toMatchObject([{ message: { content: "Oat milk." }, finish_reason: "length" }]);
});

test("a script sees the same items over both APIs", async () => {
  const client = await open(says("ok"));
  const messages = [{ role: "system", content: "Be brief." }, user, assistant("call_1"), output("call_1")];

  expect(await refusalOf(client, { messages, tools: [toolOf({ strict: true })] })).toBeNull();
  expect(standIn?.requests[0]?.body).toMatchObject({
    instructions: "Be brief.",
    input: [
      user,
      { type: "function_call", call_id: "call_1", name: "Stock", arguments: "{}" },
      { type: "function_call_output", call_id: "call_1", output: "{}" },
    ],
    tools: [{ type: "function", name: "Stock", strict: true }],
  });
});

test.each<[string, object, RegExp]>([
  ["an unknown parameter", { input: "hello" }, /Unknown parameter: 'input'/],
  ["no model", { model: "" }, /Missing required parameter: 'model'/],
  ["no messages", { messages: [] }, /empty array/],
  ["content that is null", { messages: [{ role: "user", content: null }] }, /content/],
  ["an output without its call", { messages: [user, output("call_1")] }, /must be a response to a preceeding message/],
  [
    "a call without its output",
    { messages: [user, assistant("a", "b"), output("a")] },
    /did not have response messages: b/,
  ],
  [
    "outputs that come too late",
    { messages: [assistant("a"), user, output("a")] },
    /must be followed by tool messages/,
  ],
  ["a long call id", { messages: [assistant("x".repeat(41)), output("x".repeat(41))] }, /maximum length 40/],
  ["a tool in the form of the Responses API", { tools: [{ type: "function", name: "Stock" }] }, /tools\[0\]\.function/],
  ["no tools in the list", { tools: [] }, /empty array/],
  [
    "a loose schema of a strict tool",
    { tools: [toolOf({ strict: true, parameters: { type: "object" } })] },
    /Invalid schema/,
  ],
  ["a name with spaces", { tools: [toolOf({ name: "my tool" })] }, /does not match pattern/],
  ["two limits", { max_tokens: 20, max_completion_tokens: 20 }, /at the same time/],
  ["options of a stream without one", { stream_options: { include_usage: true } }, /only allowed when 'stream'/],
])("%s is refused", async (_name, body, words) => {
  const client = await open(says("ok"));

  const refusal = await refusalOf(client, body);

  expect(refusal).toMatchObject({ status: 400, message: expect.stringMatching(words) });
});

test.each<[Dialect, object, RegExp]>([
  ["old-gateway", { max_completion_tokens: 20 }, /Unrecognized request argument supplied: max_completion_tokens/],
  ["old-gateway", { tools: [toolOf({ strict: true })] }, /strict/],
  ["mistral", { stream: true, stream_options: { include_usage: true } }, /422/],
  ["mistral", { messages: [assistant("call_1"), output("call_1")] }, /400/],
  ["gemini", { messages: [assistant("call_1"), output("call_1")] }, /400/],
])("%s refuses what it does not take: %j", async (dialect, body, words) => {
  const client = await open(says("ok"), { dialect });

  expect((await refusalOf(client, body))?.message).toMatch(words);
  expect(await refusalOf(client, {})).toBeNull();
});

test("DeepSeek wants its thinking back with the calls", async () => {
  const turn = {
    parts: [
      { kind: "reasoning", summary: "Stock, then." } as const,
      { kind: "call", name: "Stock", arguments: {} } as const,
    ],
  };
  const client = await open(turn, { dialect: "deepseek" });
  await refusalOf(client, {});
  const messages = (thinking: object) => [user, { ...assistant("c1"), ...thinking }, output("c1")];

  expect((await refusalOf(client, { messages: messages({}) }))?.message).toMatch(/reasoning_content/);
  expect(await refusalOf(client, { messages: messages({ reasoning_content: "Stock, then." }) })).toBeNull();
});

test("it knows no path of the other API, and a stand-in of the other one none of this", async () => {
  const client = await open(calls({ name: "Stock" }));
  const other = await createModelStandIn({ answer: () => fails({ status: 500 }) });

  const statuses = await Promise.all(
    [`${client.baseURL}/responses`, `${other.url}/chat/completions`].map(
      async (url) => (await fetch(url, { method: "POST", body: "{}" })).status,
    ),
  );
  await other.close();

  expect(statuses).toEqual([404, 404]);
});
