/** Answers that servers tell in unusual ways: what a person reads, what a tool gets, and what is sent back. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createModel } from "../../../src/assistant/model/model.ts";
import { textsIn } from "../../../src/bot/texts.ts";
import { openRunTest, type RunTest, tool } from "../run-support.ts";
import { callOf, createOddServer, givesItems, messageOf, type OddServer, saysOddly } from "./odd-server.ts";

let runTest: RunTest;
let server: OddServer;
let people = 8_000;

beforeAll(async () => {
  server = await createOddServer();
  runTest = await openRunTest(() => ({ status: 500 }), {
    model: createModel({ apiKey: null, baseUrl: server.url, name: "gpt-6-luna" }),
    tools: [tool("Echo", ({ n }) => ({ n }))],
  });
  await runTest.startWorker();
});

afterAll(async () => {
  await runTest.close();
  await server.close();
});

async function answer(...turns: (readonly unknown[])[]) {
  server.play(turns);
  people += 1;
  const { runId } = await runTest.ask("how did we do yesterday?", { from: people });
  const finalText = await runTest.ended(runId);
  return { ...(await runTest.read(runId)), finalText };
}

const completed = (output: unknown[] = []) => ({ type: "response.completed", response: { output } });
const delta = (text: unknown, more: object = {}) => ({ type: "response.output_text.delta", delta: text, ...more });

test("pieces of one index are one text, whatever ids they have", async () => {
  const pieces = ["Yesterday ", "brought ", "**4.390.500 ₫**"];

  const { finalText } = await answer([
    ...pieces.map((piece, n) => delta(piece, { output_index: 0, item_id: `msg_${n}` })),
    completed(),
  ]);

  expect(finalText).toBe("Yesterday brought **4.390.500 ₫**");
});

test("an answer that only the last event tells is shown, and its call is made", async () => {
  const { finalText, calls } = await answer([completed([callOf({})])], [completed([messageOf("One.")])]);

  expect(calls).toMatchObject([{ status: "succeeded", output: { n: 1 } }]);
  expect(finalText).toBe("One.");
});

test("text that only its part's done event tells is shown and stored", async () => {
  const { finalText, messages } = await answer([
    { type: "response.output_text.done", output_index: 0, text: "4.390.500 ₫" },
    { type: "response.output_item.done", output_index: 0, item: { type: "message", role: "assistant", content: [] } },
    completed(),
  ]);

  expect(finalText).toBe("4.390.500 ₫");
  expect(messages[1]?.text).toBe("4.390.500 ₫");
});

test.each<[string, unknown[], unknown]>([
  [
    "are emptier in the item than before",
    [
      { type: "response.function_call_arguments.done", output_index: 0, arguments: '{"n":14}' },
      { type: "response.output_item.done", output_index: 0, item: callOf({ arguments: "{}" }) },
    ],
    14,
  ],
  ["are encoded twice", givesItems(callOf({ arguments: JSON.stringify('{"n":14}') })).slice(0, 1), 14],
  ["are encoded three times", givesItems(callOf({ arguments: JSON.stringify('"{\\"n\\":14}"') })).slice(0, 1), 14],
  ["are in a code fence", givesItems(callOf({ arguments: '```json\n{"n":14}\n```' })).slice(0, 1), 14],
  ["end with a control token", givesItems(callOf({ arguments: '{"n":14}<|call|>' })).slice(0, 1), 14],
  ["begin with an empty object", givesItems(callOf({ arguments: '{}{"n":14}' })).slice(0, 1), 14],
  ["are an object", givesItems(callOf({ arguments: { n: 14 } })).slice(0, 1), 14],
])("arguments that %s are read", async (_name, events, n) => {
  const { calls } = await answer([...events, completed()], saysOddly("Done."));

  expect(calls).toMatchObject([{ status: "succeeded", output: { n } }]);
});

test.each(["", " ", "null", "{}", '""', undefined, null])(
  "a tool without parameters runs with arguments %j",
  async (written) => {
    const call = callOf({ name: "CheckOutOfStock", arguments: written });

    const { calls } = await answer(givesItems(call), saysOddly("Done."));

    expect(calls).toMatchObject([{ status: "succeeded", arguments: {} }]);
  },
);

test("broken arguments do not run the tool, the model hears why, and valid JSON goes back", async () => {
  const { calls, run } = await answer(givesItems(callOf({ arguments: '{"da' })), saysOddly("Done."));

  expect(run.status).toBe("completed");
  expect(calls).toMatchObject([
    { status: "failed", arguments: '{"da', error: expect.stringContaining("the arguments are not valid JSON") },
  ]);
  expect(server.refused).toEqual([]);
  expect(server.inputs[1]?.find(({ type }) => type === "function_call")).toMatchObject({ arguments: "{}" });
});

test("ids that the next round would refuse are replaced or left out", async () => {
  const call = callOf({ call_id: `call_${"x".repeat(65)}`, id: `fc_${"y".repeat(405)}` });

  const { run } = await answer(givesItems(call), saysOddly("Done."));

  const [sent] = server.inputs[1]?.filter(({ type }) => type === "function_call") ?? [];
  expect(run.status).toBe("completed");
  expect(sent?.call_id).toMatch(/^call_[\w-]{1,59}$/);
  expect(sent).not.toHaveProperty("id");
});

test.each([
  "functions.Echo",
  "Echo<|channel|>commentary",
  "<|constrain|>Echo",
  "default_api.Echo",
  "functions.Echo:0",
  "echo",
])("the tool that is meant by %j is called, and its name is stored and sent back", async (name) => {
  const { calls } = await answer(givesItems(callOf({ name })), saysOddly("Done."));

  expect(calls).toMatchObject([{ name: "Echo", status: "succeeded" }]);
  expect(server.inputs[1]?.find(({ type }) => type === "function_call")).toMatchObject({ name: "Echo" });
});

test.each(["functions.CheckEverything", "EchoCheckOutOfStock", "Echo or CheckOutOfStock"])(
  "the name %j means no tool",
  async (name) => {
    const { calls } = await answer(givesItems(callOf({ name })), saysOddly("Done."));

    expect(calls).toMatchObject([{ name, status: "failed" }]);
  },
);

test("thinking that is sent as text is neither shown nor stored nor sent back", async () => {
  const said = "<think>they want revenue</think>\n\n4.390.500 ₫";
  const pieces = ["<thi", "nk>they want revenue", "</think>\n\n4.390.500 ₫"].map((piece) =>
    delta(piece, { output_index: 0 }),
  );
  const told = { type: "response.output_item.done", output_index: 0, item: messageOf(said) };
  const call = { type: "response.output_item.done", output_index: 1, item: callOf({}) };

  const { finalText, messages, items } = await answer([...pieces, told, call, completed()], saysOddly("Done."));

  expect(finalText).toBe("4.390.500 ₫\n\nDone.");
  expect(messages[1]?.text).toBe(finalText);
  expect(JSON.stringify([items, server.inputs])).not.toContain("they want revenue");
});

test("thinking that is told as a part of an item is not shown", async () => {
  const thought = { type: "reasoning_text", text: "they want revenue" };

  const { finalText } = await answer([
    { type: "response.output_item.added", output_index: 0, item: { type: "reasoning", id: "rs_1", content: [] } },
    { type: "response.reasoning_text.delta", output_index: 0, delta: "they want revenue" },
    { type: "response.content_part.done", output_index: 0, content_index: 0, part: thought },
    { type: "response.output_item.done", output_index: 0, item: { type: "reasoning", id: "rs_1", content: [thought] } },
    { type: "response.content_part.done", output_index: 1, part: { type: "output_text", text: "4.390.500 ₫" } },
    completed([{ type: "message", role: "assistant", content: [thought, { type: "text", text: "4.390.500 ₫" }] }]),
  ]);

  expect(finalText).toBe("4.390.500 ₫");
});

test("a question that the server repeats is no answer", async () => {
  const question = { type: "message", role: "user", content: [{ type: "input_text", text: "how did we do?" }] };

  const { finalText } = await answer([completed([question, messageOf("Well.")])]);

  expect(finalText).toBe("Well.");
});

test("thinking without a begin is gone from the answer at its end, and not shown at all from then on", async () => {
  const first = await answer([delta("They want revenue."), delta("</think>\n4.390.500 ₫"), completed()]);
  const before = runTest.events.length;
  const second = await answer([delta("They want it again."), delta("</think>\n4.390.500 ₫"), completed()]);

  expect(first).toMatchObject({ finalText: "4.390.500 ₫", messages: [{}, { text: "4.390.500 ₫" }] });
  expect(second).toMatchObject({ finalText: "4.390.500 ₫", messages: [{}, { text: "4.390.500 ₫" }] });
  expect(JSON.stringify(runTest.events.slice(before))).not.toContain("They want it again.");
});

test.each([
  '<tool_call>{"name":"Echo","arguments":{"n":1}}</tool_call>',
  '{"name": "Echo", "arguments": {"n": 1}}',
  '```json\n[{"name": "Echo", "parameters": {"n": 1}}]\n```',
  "Echo(n=1)",
  "[functions.Echo(n=1)]",
])("a call that is written as text is not shown, and the run says that the server is not set up: %j", async (text) => {
  const pieces = [...text].map((piece) => delta(piece, { output_index: 0 }));

  const { run, finalText } = await answer([...pieces, completed()]);

  expect(run).toMatchObject({ status: "failed", errorCode: "MODEL_TOOLS_AS_TEXT" });
  expect(finalText).toBe(textsIn("en").faults.MODEL_TOOLS_AS_TEXT);
});

test.each(["Echo is the name of a tool.", '{"n": 1} is JSON.', "[Oat milk](https://example.com)", '{"stock": 6}'])(
  "text that only looks like a call is shown: %j",
  async (text) => {
    const { finalText } = await answer([...[...text].map((piece) => delta(piece)), completed()]);

    expect(finalText).toBe(text);
  },
);

test("events without content change nothing", async () => {
  const { run, finalText } = await answer([delta(null), delta("Oat"), delta(null), delta(" milk."), completed()]);

  expect(finalText).toBe("Oat milk.");
  expect(run.status).toBe("completed");
});

test.each<[object, object]>([
  [{ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } }, { errorCode: "MODEL_CUT_SHORT" }],
  [{ status: "failed", error: { code: "server_error", message: "Overloaded." } }, { errorCode: "MODEL_FAILED" }],
  [{ status: "cancelled" }, { errorCode: "MODEL_FAILED" }],
])("a completed event whose response says %j is believed to have ended so", async (response, expected) => {
  const { run } = await answer([delta("Oat mi"), { type: "response.completed", response }]);

  expect(run).toMatchObject(expected);
});

test("a call without the terminal event, but with a marked end, is complete", async () => {
  const { finalText, run } = await answer([delta("Oat milk."), "[DONE]"]);

  expect(finalText).toBe("Oat milk.");
  expect(run.status).toBe("completed");
});
