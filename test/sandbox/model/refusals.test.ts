import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createModelStandIn, type ModelStandIn } from "../../../sandbox/model/model-stand-in.ts";
import { calls, says } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";

let standIn: ModelStandIn;
let turn: Turn = says("ok");

beforeAll(async () => {
  standIn = await createModelStandIn({ answer: () => turn });
});

afterAll(() => standIn.close());

async function post(body: unknown): Promise<{ status: number; error?: Record<string, unknown> }> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${standIn.url}/responses`, { method: "POST", body: text });
  return { ...((await response.json()) as object), status: response.status };
}

const fine = { model: "gpt-6-luna", input: "hello", store: false };
const user = { role: "user", content: "hello" };
const call = { type: "function_call", call_id: "call_1", name: "CheckOutOfStock", arguments: "{}" };
const output = { type: "function_call_output", call_id: "call_1", output: "{}" };
const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "sealed" };
const noArguments = { type: "object", properties: {}, required: [], additionalProperties: false };
const tool = {
  type: "function",
  name: "CheckOutOfStock",
  description: "Stock.",
  strict: true,
  parameters: noArguments,
};

function withInput(...input: readonly unknown[]) {
  return { ...fine, input };
}

function withTool(changes: object) {
  return { ...fine, tools: [{ ...tool, ...changes }] };
}

function withSchema(...[date, changes]: [date: object, changes?: object]) {
  return withTool({ parameters: { ...noArguments, properties: { date }, required: ["date"], ...changes } });
}

test.each([
  ["a text", fine],
  [
    "every parameter the product sends",
    {
      ...fine,
      instructions: "Be short.",
      tools: [tool],
      tool_choice: "auto",
      parallel_tool_calls: true,
      include: ["reasoning.encrypted_content"],
      reasoning: { effort: "low" },
      max_output_tokens: 2_000,
      prompt_cache_key: "thread-1",
      safety_identifier: "a".repeat(64),
      metadata: { run: "1" },
    },
  ],
  [
    "a call with its output, in parallel",
    withInput(user, call, { ...call, call_id: "call_2" }, { ...output, call_id: "call_2" }, output),
  ],
  ["reasoning before its call", withInput(user, reasoning, call, output)],
  [
    "an assistant message with a phase",
    withInput(user, { role: "assistant", content: "hi", phase: "commentary" }, user),
  ],
  [
    "a strict date with a description and a pattern",
    withSchema({ type: "string", format: "date", description: "d", pattern: "^\\d+$" }),
  ],
  ["a nullable property", withSchema({ anyOf: [{ type: "string" }, { type: "null" }] })],
  [
    "the $schema that zod writes",
    withTool({ parameters: { $schema: "https://json-schema.org/draft/2020-12/schema", ...noArguments } }),
  ],
  ["a loose schema that is not strict", withTool({ strict: false, parameters: { type: "object" } })],
])("%s is accepted", async (_name, body) => {
  const answer = await post(body);

  expect(answer.error ?? null).toBeNull();
  expect(answer.status).toBe(200);
});

test.each([
  ["no model", { input: "x" }, "model", /Missing required parameter: 'model'/],
  ["no input", { model: "m" }, "input", /'input' or 'previous_response_id'/],
  ["an empty input", withInput(), "input", /empty/],
  ["an unknown parameter", { ...fine, messages: [] }, "messages", /Unknown parameter: 'messages'/],
  ["user", { ...fine, user: "x" }, "user", /deprecated/],
  ["truncation", { ...fine, truncation: "auto" }, "truncation", /deprecated/],
  ["prompt_cache_retention", { ...fine, prompt_cache_retention: "24h" }, "prompt_cache_retention", /deprecated/],
  ["a long safety_identifier", { ...fine, safety_identifier: "a".repeat(65) }, "safety_identifier", /string too long/],
  ["an unknown include", { ...fine, include: ["reasoning"] }, "include[0]", /Supported values/],
  ["an unknown effort", { ...fine, reasoning: { effort: "huge" } }, "reasoning.effort", /Supported values/],
  ["too few output tokens", { ...fine, max_output_tokens: 5 }, "max_output_tokens", /below minimum/],
  ["a previous response id", { ...fine, previous_response_id: "resp_1" }, "previous_response_id", /not found/],
  ["a role of Chat Completions", withInput({ role: "tool", content: "x" }), "input[0].role", /Invalid value: 'tool'/],
  [
    "input_text in an assistant message",
    withInput({ role: "assistant", content: [{ type: "input_text", text: "x" }] }),
    "input[0].content[0]",
    /'output_text', 'refusal'/,
  ],
  ["a phase on a user's message", withInput({ ...user, phase: "commentary" }), "input[0].phase", /assistant/],
  ["an unknown key of an item", withInput({ ...user, name: "An" }), "input[0].name", /Unknown parameter/],
  ["a call without output", withInput(user, call), "input", /^No tool output found for function call call_1\.$/],
  [
    "an output without call",
    withInput(user, output),
    "input",
    /^No tool call found for function call output with call_id call_1\.$/,
  ],
  ["an output before its call", withInput(user, output, call), "input", /No tool call found/],
  ["two outputs of one call", withInput(user, call, output, output), "input", /Duplicate tool output/],
  ["two calls with one id", withInput(user, call, output, call), "input", /Duplicate function call/],
  [
    "a duplicate item",
    withInput(user, reasoning, reasoning, call, output),
    "input",
    /Duplicate item found with id rs_1/,
  ],
  ["reasoning at the end", withInput(user, reasoning), "input", /without its required following item/],
  ["reasoning before a user's message", withInput(reasoning, user), "input", /without its required following item/],
  [
    "a call id with a wrong prefix",
    withInput(user, { ...call, id: "call_1" }, output),
    "input[1].id",
    /begins with 'fc'/,
  ],
  ["arguments as an object", withInput(user, { ...call, arguments: {} }, output), "input[1].arguments", /Invalid type/],
  [
    "a tool of Chat Completions",
    { ...fine, tools: [{ type: "function", function: tool }] },
    "tools[0].name",
    /Missing required parameter/,
  ],
  ["a hosted tool", { ...fine, tools: [{ type: "web_search" }] }, "tools[0].type", /Supported values/],
  ["a tool's name with a space", withTool({ name: "Check stock" }), "tools[0].name", /does not match pattern/],
  [
    "a choice of an unknown tool",
    { ...fine, tools: [tool], tool_choice: { type: "function", name: "Other" } },
    "tool_choice",
    /not found/,
  ],
  ["strict without parameters", withTool({ parameters: null }), "tools[0].parameters", /type: "object"/],
  [
    "missing additionalProperties",
    withSchema({ type: "string" }, { additionalProperties: undefined }),
    "tools[0].parameters",
    /In context=\(\), 'additionalProperties'/,
  ],
  [
    "a property that is not required",
    withSchema({ type: "string" }, { required: [] }),
    "tools[0].parameters",
    /Missing 'date'/,
  ],
  [
    "a required name that is not a property",
    withSchema({ type: "string" }, { required: ["date", "day"] }),
    "tools[0].parameters",
    /Extra required key 'day'/,
  ],
  [
    "an unsupported keyword",
    withSchema({ type: "string", minLength: 1 }),
    "tools[0].parameters",
    /In context=\('properties', 'date'\), 'minLength' is not permitted/,
  ],
  ["a default", withSchema({ type: "string", default: "x" }), "tools[0].parameters", /'default' is not permitted/],
  ["a look-around pattern", withSchema({ type: "string", pattern: "^(?!x)" }), "tools[0].parameters", /look-around/],
  [
    "a nested object without additionalProperties",
    withSchema({ type: "array", items: { type: "object", properties: {} } }),
    "tools[0].parameters",
    /\('properties', 'date', 'items'\), 'additionalProperties'/,
  ],
])("%s is refused with 400", async (_name, body, param, message) => {
  const { status, error } = await post(body);

  expect({ status, param: error?.param, type: error?.type }).toEqual({
    status: 400,
    param,
    type: "invalid_request_error",
  });
  expect(error?.message).toMatch(message);
});

test.each([
  ["broken JSON", '{"model":'],
  ["a lone surrogate", '{"model":"m","input":"\\ud83d"}'],
])("%s is refused with 400", async (_name, text) => {
  const { status, error } = await post(text);

  expect(status).toBe(400);
  expect(error?.message).toMatch(/could not parse the JSON body/);
});

test("a reasoning item without content is not found, because nothing is stored", async () => {
  const { status, error } = await post(withInput(user, { type: "reasoning", id: "rs_1", summary: [] }, call, output));

  expect(status).toBe(404);
  expect(error?.message).toMatch(
    /^Item with id 'rs_1' not found\. Items are not persisted when `store` is set to false/,
  );
});

test("refused requests are recorded separately from accepted ones", async () => {
  const accepted = standIn.requests.length;

  await post({ ...fine, user: "x" });

  expect(standIn.refused.at(-1)).toMatchObject({ status: 400, param: "user", body: { user: "x" } });
  expect(standIn.requests.length).toBe(accepted);
});

test("the Assistants API and other paths give 404", async () => {
  const response = await fetch(`${standIn.url}/threads`, { method: "POST", body: "{}" });

  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: { message: "Invalid URL (POST /v1/threads)" } });
});

/** The items of a response with reasoning and a call, as a client would send them back. */
async function getReasonedCall() {
  const client = new OpenAI({ baseURL: standIn.url, apiKey: "sk-test", maxRetries: 0 });
  turn = { parts: [{ kind: "reasoning" }, ...calls({ name: "CheckOutOfStock", callId: "call_1" }).parts] };
  const response = await client.responses.create({
    model: "gpt-6-luna",
    input: "hello",
    store: false,
    include: ["reasoning.encrypted_content"],
  });
  turn = says("ok");
  return response.output;
}

test("reasoning that comes back unchanged and in order is accepted", async () => {
  const items = await getReasonedCall();

  const { status } = await post(withInput(user, ...items, output));

  expect(status).toBe(200);
});

test("reasoning that comes back changed is refused", async () => {
  const [sent, ...rest] = await getReasonedCall();

  const { status, error } = await post(withInput(user, { ...sent, encrypted_content: "gAAAA" }, ...rest, output));

  expect({ status, code: error?.code }).toEqual({ status: 400, code: "invalid_encrypted_content" });
});

test("a call that comes back without its reasoning item is refused", async () => {
  const [, sentCall] = await getReasonedCall();

  const { status, error } = await post(withInput(user, sentCall, output));

  expect(status).toBe(400);
  expect(error?.message).toMatch(/without its required 'reasoning' item/);
});
