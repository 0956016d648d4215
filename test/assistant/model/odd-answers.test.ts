/** Answers that deviate from the API's schema: they stay valid, and invalid parts count as unknown. */
import { asc, eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MAX_ANSWER_ITEMS } from "../../../src/assistant/limits.ts";
import { createModel } from "../../../src/assistant/model/model.ts";
import { textsIn } from "../../../src/bot/texts.ts";
import { runRounds } from "../../../src/db/schema/index.ts";
import { openRunTest, type RunTest, tool } from "../run-support.ts";
import { callOf, createOddServer, givesItems, messageOf, type OddServer, saysOddly } from "./odd-server.ts";

let runTest: RunTest;
let server: OddServer;
let people = 7_000;

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

/** Calls the model while its server sends these events. */
async function answer(...turns: (readonly unknown[])[]) {
  server.play(turns);
  people += 1;
  const { runId } = await runTest.ask("what's running out?", { from: people });
  const finalText = await runTest.ended(runId);
  const stored = await runTest.read(runId);
  const rounds = await runTest.test.db
    .select()
    .from(runRounds)
    .where(eq(runRounds.runId, stored.run.id))
    .orderBy(asc(runRounds.round));
  return { ...stored, finalText, rounds };
}

const UNKNOWN = { inputTokens: null, cachedInputTokens: null, outputTokens: null, reasoningTokens: null };
const counts = (inputTokens: unknown, outputTokens: unknown, more: object = {}) => ({
  input_tokens: inputTokens,
  output_tokens: outputTokens,
  ...more,
});
const cached = (tokens: unknown) => ({ input_tokens_details: { cached_tokens: tokens } });
const reasoned = (tokens: unknown) => ({ output_tokens_details: { reasoning_tokens: tokens } });

test.each<[string, unknown]>([
  ["null", null],
  ["empty", {}],
  ["a list", [1, 2]],
  ["a text", "many"],
  ["a number", 5],
  ["a half", counts(1.5, 2)],
  ["a word", counts("many", 2)],
  ["a number in quotes", counts("3", 2)],
  ["below 0", counts(-1, 2)],
  ["more than any call uses", counts(3e9, 2)],
  ["beyond all numbers", '{"type":"response.completed","response":{"usage":{"input_tokens":1e999,"output_tokens":1}}}'],
  ["without output tokens", { input_tokens: 5 }],
  ["a list instead of a number", counts([5], 2)],
  ["a detail that is a word", counts(5, 2, cached("all"))],
  ["details that are a list", counts(5, 2, { input_tokens_details: [1] })],
  ["more cached tokens than input tokens", counts(5, 2, cached(6))],
  ["more reasoning tokens than output tokens", counts(5, 2, reasoned(3))],
  ["reasoning below 0", counts(5, 2, reasoned(-3))],
])("usage that is %s is unknown, and the answer is valid", async (_name, usage) => {
  const end = typeof usage === "string" && usage.startsWith("{") ? usage : undefined;
  const events = saysOddly("Oat milk.", { usage });

  const { run, rounds, finalText } = await answer(end ? [...events.slice(0, 2), end] : events);

  expect(finalText).toBe("Oat milk.");
  expect(run).toMatchObject({ status: "completed", ...UNKNOWN });
  expect(rounds).toMatchObject([UNKNOWN]);
});

test("a server that does not mention a cache or reasoning has neither", async () => {
  const { run } = await answer(saysOddly("Oat milk.", { usage: { ...counts(5, 2), input_tokens_details: null } }));

  expect(run).toMatchObject({ inputTokens: 5, cachedInputTokens: 0, outputTokens: 2, reasoningTokens: 0 });
});

test("a sum of rounds that no column holds is unknown, while each round is known", async () => {
  const usage = { ...counts(2e9, 7), ...cached(1e9) };

  const { run, rounds } = await answer(
    [...givesItems(callOf({})).slice(0, 1), { type: "response.completed", response: { usage } }],
    saysOddly("One.", { usage }),
  );

  expect(rounds).toMatchObject([{ inputTokens: 2e9 }, { inputTokens: 2e9 }]);
  expect(run).toMatchObject({ status: "completed", ...UNKNOWN });
});

test("a run with an uncounted round has unknown tokens, not too few", async () => {
  const { run, rounds } = await answer(
    givesItems(callOf({})),
    givesItems(callOf({ call_id: "call_2" })).with(1, {
      type: "response.completed",
      response: { usage: counts(5, 2) },
    }),
    saysOddly("One.", { usage: counts(5, 2) }),
  );

  expect(rounds.map(({ inputTokens }) => inputTokens)).toEqual([null, 5, 5]);
  expect(run).toMatchObject({ status: "completed", ...UNKNOWN });
});

test.each<[string, unknown[]]>([
  ["that are no objects", [null, 5, "5", []]],
  ["of unknown types", [{ type: 5 }, { type: null }, {}, { type: "constructor" }, { type: "__proto__" }]],
  ["without their fields", [{ type: "response.output_item.done" }, { type: "response.output_text.delta" }]],
  [
    "with text that is none",
    [5, null, {}, ["x"], { toString: 1 }].map((delta) => ({ type: "response.output_text.delta", delta })),
  ],
  [
    "with items that are none",
    [null, 5, "x", [], {}, { type: 5 }, { type: "message" }, { type: "message", content: [null, 5, { text: 5 }] }].map(
      (item) => ({ type: "response.output_item.done", item }),
    ),
  ],
])("events %s do not change the answer", async (_name, events) => {
  const { run, finalText } = await answer([...events, ...saysOddly("Oat milk.")]);

  expect(finalText).toBe("Oat milk.");
  expect(run.status).toBe("completed");
});

test("an answer whose last event is empty is still valid", async () => {
  const { run, finalText } = await answer([
    ...saysOddly("Oat milk.").slice(0, 2),
    { type: "response.completed", response: [null] },
  ]);

  expect(finalText).toBe("Oat milk.");
  expect(run.status).toBe("completed");
});

test.each<[string, unknown]>([
  ["none", undefined],
  ["a list", []],
  ["a number", { reason: 5 }],
  ["an object", { reason: { toString: 1 } }],
  ["impossible to store", { reason: `\0\ud800${"x".repeat(100_000)}` }],
])("an answer counts as cut short when the reason is %s", async (_name, details) => {
  const response = { incomplete_details: details };

  const { run } = await answer([...saysOddly("Oat mi").slice(0, 1), { type: "response.incomplete", response }]);

  expect(run).toMatchObject({ status: "incomplete", errorCode: "MODEL_CUT_SHORT" });
});

test.each<[string, unknown]>([
  ["nothing", undefined],
  ["a text", "boom"],
  ["a list", ["boom"]],
  ["fields of wrong types", { code: 5, message: { toString: 1 } }],
  ["texts that cannot be stored", { code: "\0", message: `\ud800\0${"x".repeat(100_000)}` }],
])("a failure whose error is %s counts as the model's", async (_name, error) => {
  const { run } = await answer([{ type: "response.failed", response: { error } }]);

  expect(run).toMatchObject({ status: "failed", errorCode: "MODEL_FAILED" });
});

test("text that cannot be stored is sent and stored with replacement characters", async () => {
  const { run, messages, finalText, items } = await answer(saysOddly("Oat\0 \ud800milk\udfff."));

  expect(finalText).toBe("Oat\ufffd \ufffdmilk\ufffd.");
  expect(run.status).toBe("completed");
  expect(messages[1]?.text).toBe(finalText);
  expect(items).toMatchObject([{ item: messageOf(finalText) }]);
});

const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

test.each<[string, object, { name?: unknown; arguments?: unknown }]>([
  ["a name with NUL", { name: "Ec\0h" }, { name: "Ec\ufffdh" }],
  ["half a character in its name", { name: "Echos\ud800" }, { name: "Echos\ufffd" }],
  ["a name of control characters", { name: "\u0001\n" }, { name: "\u0001\n" }],
  ["a name of 20,000 characters", { name: "Echo".repeat(5_000) }, { name: `${"Echo".repeat(16)}…` }],
  ["no name", { name: "" }, { name: "" }],
  ["a name that is missing", { name: undefined }, { name: "" }],
  ["a name that is a number", { name: 5 }, { name: "5" }],
  ["a name that is an object", { name: { toString: 1 } }, { name: '{"toString":1}' }],
  ["the name of an object's property", { name: "constructor" }, { name: "constructor" }],
  ["the name __proto__", { name: "__proto__" }, { name: "__proto__" }],
  ["arguments nested 3,000 deep", { arguments: `{"n":${deep(3_000)}}` }, { arguments: `{"n":${deep(3_000)}}` }],
  [
    "arguments of 10 MB",
    { arguments: `{"n":"${"x".repeat(1e7)}"}` },
    { arguments: expect.stringMatching(/^.{16000}…$/) },
  ],
  ["arguments nested as deep as their length", { arguments: deep(1e6) }, { arguments: expect.any(String) }],
  ["broken arguments with NUL", { arguments: '{"n\0' }, { arguments: '{"n\ufffd' }],
  ["no arguments", { arguments: "" }, { arguments: {} }],
  ["arguments that are missing", { arguments: null }, { arguments: {} }],
  ["arguments that are a list", { arguments: "[1]" }, { arguments: [1] }],
  ["the key __proto__", { arguments: '{"n":1,"__proto__":{"n":2}}' }, {}],
  ["the key constructor", { arguments: '{"n":1,"constructor":1}' }, {}],
  ["arguments with escaped NUL", { arguments: String.raw`{"n":"\u0000\ud800"}` }, { arguments: { n: "\ufffd\ufffd" } }],
])("a call with %s gets an error, and the run continues", async (_name, fields, kept) => {
  const { run, calls, finalText } = await answer(givesItems(callOf(fields)), saysOddly("Done."));

  expect(run.status).toBe("completed");
  expect(finalText).toBe("Done.");
  expect(calls).toMatchObject([{ status: "failed", ...kept }]);
  expectGoodInput(1);
});

test.each<[string, unknown]>([
  ["with NUL", "call\0_1"],
  ["with half a character", "call\ud800"],
  ["with spaces", "call 1\n"],
  ["of 20,000 characters", "c".repeat(20_000)],
  ["empty", ""],
  ["a number", 5],
  ["an object", { a: 1 }],
  ["missing", undefined],
])("a call whose id is %s gets its output under another id", async (_name, id) => {
  const odd = (n: number) => callOf({ call_id: id, id, status: id, arguments: JSON.stringify({ n }) });

  const { run, calls } = await answer(givesItems(odd(1), odd(2)), saysOddly("Done."));

  expect(run.status).toBe("completed");
  expect(calls).toMatchObject([
    { status: "succeeded", output: { n: 1 } },
    { status: "succeeded", output: { n: 2 } },
  ]);
  expectGoodInput(2);
});

test("arguments that arrive as an object are accepted", async () => {
  const { calls } = await answer(givesItems(callOf({ arguments: { n: 7 } })), saysOddly("Done."));

  expect(calls).toMatchObject([{ status: "succeeded", arguments: { n: 7 } }]);
  expectGoodInput(1);
});

test("of a duplicate argument the last one counts", async () => {
  const { calls } = await answer(givesItems(callOf({ arguments: '{"n":1,"n":2}' })), saysOddly("Done."));

  expect(calls).toMatchObject([{ status: "succeeded", output: { n: 2 } }]);
});

test("a very deeply nested item is cut at a sensible depth, stored and sent back so", async () => {
  const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAA", content: "@" };
  const event = JSON.stringify({ type: "response.output_item.done", item: reasoning }).replace('"@"', deep(100_000));

  const { run, items } = await answer([event, ...givesItems(callOf({}))], saysOddly("One."));

  expect(run.status).toBe("completed");
  expect(items).toHaveLength(3);
});

test("reasoning that could not be sent back is left out", async () => {
  const odd = [{ id: "\0" }, { id: "rs_1", summary: 5 }, { id: "rs_2", summary: [], encrypted_content: 5 }];
  const reasoning = odd.map((fields) => ({ type: "reasoning", ...fields }));

  const { run } = await answer(givesItems(...reasoning, callOf({})), saysOddly("One."));

  expect(run.status).toBe("completed");
  expectGoodInput(1);
});

test("an answer with too many items ends with an error message", async () => {
  const { run, finalText } = await answer(
    givesItems(...Array.from({ length: MAX_ANSWER_ITEMS + 1 }, (_, n) => callOf({ arguments: `{"n":${n}}` }))),
  );

  expect(run).toMatchObject({ status: "failed", errorCode: "MODEL_TOO_LONG" });
  expect(finalText).toContain(textsIn("en").faults.MODEL_TOO_LONG);
});

test("a very deeply nested error counts as an error of the model", async () => {
  const { run } = await answer([`{"error":{"message":${deep(100_000)}}}`]);

  expect(run).toMatchObject({ status: "failed", errorCode: "MODEL_FAILED" });
});

/** Expects that OpenAI would accept every request, and that so many calls were sent back, each with a valid name and its output. */
function expectGoodInput(calls: number): void {
  const { inputs, refused } = server;
  expect(refused).toEqual([]);
  const input = inputs.at(-1) ?? [];
  const sent = input.filter(({ type }) => type === "function_call");
  expect(sent).toHaveLength(calls);
  for (const { name, call_id: callId, arguments: args } of sent) {
    expect(name).toMatch(/^[\w-]{1,64}$/);
    expect(callId).toMatch(/^[\w-]{1,64}$/);
    expect(JSON.parse(String(args))).toBeTypeOf("object");
    expect(input.filter((item) => item.type === "function_call_output" && item.call_id === callId)).toHaveLength(1);
  }
}

const reasoningOf = (fields: object) => ({
  type: "reasoning",
  id: "rs_1",
  summary: [],
  encrypted_content: "opaque",
  ...fields,
});

test.each<[string, unknown[]]>([
  ["of a call with an id of another kind", [callOf({ id: "call_abc" })]],
  ["of a message with an id of another kind", [{ ...messageOf("Well."), id: "zz" }, callOf({})]],
  ["of another kind", [{ type: "web_search_call", id: "ws_1" }, { type: "constructor" }, callOf({})]],
  ["that only a request has", [{ type: "item_reference", id: "x" }, { type: "function_call_output" }, callOf({})]],
  ["that occur twice", [callOf({}), callOf({ call_id: "call_2" }), reasoningOf({}), reasoningOf({})]],
  ["with unknown fields", [callOf({ index: 0, namespace: "x", toJSON: 1 }), reasoningOf({ foo: 1 })]],
  ["of reasoning whose content is a text", [reasoningOf({ content: "x" }), callOf({})]],
  [
    "whose parts are called otherwise",
    [
      {
        ...messageOf("x"),
        content: [
          { type: "text", text: "One." },
          { type: 5, text: "Two." },
          { type: "refusal", text: "Three." },
          { type: "output_text", refusal: "No." },
        ],
      },
      callOf({}),
    ],
  ],
])(
  "items %s are sent back as a strict server accepts them, also when the next round has the same",
  async (_name, items) => {
    const { run, finalText } = await answer(givesItems(...items), givesItems(...items), saysOddly("One."));

    expect(server.refused).toEqual([]);
    expect(run).toMatchObject({ status: "completed" });
    expect(finalText).toMatch(/One\.$/);
  },
);
