/** Runs over Chat Completions: the same rounds as over the Responses API, and what each server wants back. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, onTestFinished, test } from "vitest";
import type { Dialect } from "../../sandbox/model/chat/dialect.ts";
import { createModelStandIn } from "../../sandbox/model/model-stand-in.ts";
import { fails, says, scripted } from "../../sandbox/model/script.ts";
import type { Turn } from "../../sandbox/model/turn.ts";
import { ModelError } from "../../src/assistant/model/errors/error.ts";
import { createModel, type ModelFault } from "../../src/assistant/model/model.ts";
import { question } from "./model/model-question.ts";
import { inputOf, openRunTest, outputsOf, type RunTest, tool } from "./run-support.ts";

let runTest: RunTest | undefined;
afterEach(async () => {
  await runTest?.close();
  runTest = undefined;
});

const echo = tool("Echo", ({ n }) => ({ n }));

async function open(turns: readonly Turn[], dialect: Dialect = "openai"): Promise<RunTest> {
  runTest = await openRunTest(scripted(turns), { tools: [echo], standIn: { api: "chat", dialect } });
  return runTest;
}

const thinks = { kind: "reasoning", summary: "They want both." } as const;
const asksFor = (...numbers: number[]): Turn => ({
  parts: [
    thinks,
    { kind: "text", text: "Looking. " },
    ...numbers.map((n) => ({ kind: "call" as const, name: "Echo", arguments: { n } })),
  ],
});

test.each<Dialect>(["openai", "deepseek", "gemini", "mistral", "old-gateway"])(
  "%s: several calls at once, two rounds with tools, the answer and its usage",
  async (dialect) => {
    const { answer, model } = await open([asksFor(1, 2), asksFor(3), says("All counted.")], dialect);

    const { run, calls: made, finalText, items } = await answer("count");

    // An old gateway refuses parameters that it does not know: it is asked again without them.
    expect(model.requests).toHaveLength(3);
    expect(finalText).toBe("Looking. \n\nLooking. \n\nAll counted.");
    expect(made.map(({ output, status }) => [status, output])).toEqual([
      ["succeeded", { n: 1 }],
      ["succeeded", { n: 2 }],
      ["succeeded", { n: 3 }],
    ]);
    expect(Object.values(outputsOf(model.requests[2]))).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(JSON.stringify(model.requests[2]?.chatBody?.messages.filter(({ role }) => role === "tool"))).toMatch(
      /"tool_call_id":"[A-Za-z0-9]{9}"/,
    );
    expect(finalText).not.toContain("They want both.");
    expect(items.length).toBeGreaterThan(2);
    // A gateway that does not know `stream_options` does not count.
    if (dialect === "old-gateway") expect(run.inputTokens).toBeNull();
    else expect(run).toMatchObject({ status: "completed", inputTokens: expect.any(Number) });
  },
);

test("an earlier run is history, without its calls and its thinking", async () => {
  const { answer, model } = await open([asksFor(1), says("One."), says("Still one.")], "deepseek");

  await answer("count");
  await answer("and now?");

  expect(model.requests[2]?.chatBody?.messages.slice(1)).toEqual([
    { role: "user", content: "count" },
    { role: "assistant", content: "Looking. \n\nOne." },
    { role: "user", content: "and now?" },
  ]);
});

test.each([
  ["max_output_tokens", "max_output_tokens"],
  ["content_filter", "content_filter"],
] as const)("an answer that is cut short by %s is incomplete", async (reason, word) => {
  const { answer } = await open([fails({ kind: "incomplete", reason }, { kind: "text", text: ["Oat", " mi"] })]);

  const { run } = await answer("what is out?");

  expect(run).toMatchObject({
    status: "incomplete",
    errorCode: "MODEL_CUT_SHORT",
    errorMessage: expect.stringContaining(word),
  });
});

test("a refusal is text like any other", async () => {
  const { answer } = await open([{ parts: [{ kind: "refusal", text: "I cannot help with that." }] }]);

  expect((await answer("go")).finalText).toBe("I cannot help with that.");
});

test("in the last round the model must answer without tools", async () => {
  runTest = await openRunTest(scripted([asksFor(1), says("One.")]), {
    tools: [echo],
    maxRounds: 2,
    standIn: { api: "chat" },
  });

  await runTest.answer("count");

  expect(runTest.model.requests.map(({ chatBody }) => chatBody?.tool_choice)).toEqual(["auto", "none"]);
});

test("another worker takes a run over in its middle: no call is made twice", async () => {
  let calls = 0;
  const counted = tool("Count", ({ n }) => {
    calls += 1;
    return { n };
  });
  const held = Promise.withResolvers<void>();
  runTest = await openRunTest(
    (request) => {
      if (request.number === 1) return { parts: [thinks, { kind: "call", name: "Count", arguments: { n: 1 } }] };
      return request.number === 2 ? says(["Nev", held.promise]) : says("One.");
    },
    { tools: [counted], standIn: { api: "chat", dialect: "deepseek" } },
  );
  const first = await runTest.startWorker();
  const { runId } = await runTest.ask("count");
  await runTest.model.waitForRequest(2);

  await first.cutOff();
  await runTest.startWorker();
  const finalText = await runTest.ended(runId);

  expect(finalText).toBe("One.");
  expect(calls).toBe(1);
  expect(inputOf(runTest.model.requests[2])).toMatchObject([
    { role: "user" },
    { type: "function_call", name: "Count" },
    { type: "function_call_output" },
  ]);
});

test("a stop ends the run and the request", async () => {
  const held = Promise.withResolvers<void>();
  const { ask, ended, events, model, startWorker, stop } = await open([says(["Oat", " milk", held.promise])]);
  await startWorker();
  const { runId } = await ask("go");
  await expect.poll(() => events.some(({ type }) => type === "text-delta")).toBe(true);

  await stop(runId);

  expect(await ended(runId)).toContain("Oat");
  await model.requests[0]?.whenAborted;
});

test.each<[string, Turn, ModelFault]>([
  ["401", { status: 401 }, "MODEL_REFUSED_KEY"],
  ["429", { status: 429 }, "MODEL_RATE_LIMITED"],
  ["402 of DeepSeek", { status: 402, body: { error: { message: "Insufficient Balance" } } }, "MODEL_QUOTA"],
  ["an error within the stream", fails({ kind: "error-event", code: "server_error", message: "Busy" }), "MODEL_FAILED"],
  ["a dropped connection", fails({ kind: "drop" }), "MODEL_STREAM_BROKEN"],
  [
    "an end without a finish reason",
    fails({ kind: "early-end" }, { kind: "text", text: ["Oat"] }),
    "MODEL_STREAM_BROKEN",
  ],
  ["malformed JSON", fails({ kind: "malformed" }, { kind: "text", text: ["Oat"] }), "MODEL_STREAM_BROKEN"],
])("%s becomes its error code", async (_name, turn, fault) => {
  const standIn = await createModelStandIn({ api: "chat", answer: () => turn });
  const model = createModel({ apiKey: null, baseUrl: standIn.url, name: "test-model", api: "chat" });

  const error = await model
    .answer(question, { signal: new AbortController().signal, onText: () => undefined })
    .catch((thrown: unknown) => thrown);
  await standIn.close();

  expect(error).toBeInstanceOf(ModelError);
  expect(error).toMatchObject({ code: fault });
});

test("a server that speaks only Chat Completions: the error says to set OPENAI_API, unless it was set", async () => {
  const standIn = await createModelStandIn({ api: "chat", answer: scripted([]) });
  const ask = (api: "responses" | null) =>
    createModel({ apiKey: null, baseUrl: standIn.url, name: "test-model", api })
      .answer(question, { signal: new AbortController().signal, onText: () => undefined })
      .catch((error: Error) => error.message);

  const [leftOut, chosen] = [await ask(null), await ask("responses")];
  await standIn.close();

  expect(leftOut).toContain("has no /v1/responses, or no model test-model: see OPENAI_BASE_URL, OPENAI_MODEL.");
  expect(leftOut).toContain("OPENAI_API=chat");
  expect(chosen).not.toContain("OPENAI_API=chat");
});

/** A server that answers each request by this function of its body. */
async function listen(answer: (body: { messages: { role: string }[] }, response: ServerResponse) => void) {
  const server = createServer(async (request, response) => {
    const chunks = await Array.fromAsync(request);
    answer(JSON.parse(Buffer.concat(chunks).toString()), response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const model = createModel({ apiKey: null, baseUrl, name: "test-model", api: "chat" });
  const ask = (input: object[]) =>
    model.answer({ ...question, input }, { signal: new AbortController().signal, onText: () => undefined });
  return { ask };
}

const line = (choice: object) => `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`;

test("a server that leaves the stream open after the answer delays it no longer than its details may take", async () => {
  const { ask } = await listen((_body, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(line({ delta: { content: "Oat milk." } }) + line({ delta: {}, finish_reason: "stop" }));
  });

  const answer = await ask([{ role: "user", content: "what is out?" }]);

  expect(answer).toMatchObject({ text: "Oat milk.", outcome: { status: "completed" } });
});

test("questions without an answer between them are one turn", async () => {
  const roles: string[][] = [];
  const { ask } = await listen(({ messages }, response) => {
    roles.push(messages.map(({ role }) => role));
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(line({ delta: { content: "ok" }, finish_reason: "stop" }));
  });

  await ask([
    { role: "user", content: "one" },
    { role: "user", content: "two" },
    { role: "assistant", content: "2" },
    { role: "user", content: "three" },
  ]);

  expect(roles).toEqual([["system", "user", "assistant", "user"]]);
});

test("the blocks of OpenRouter's and LiteLLM's thinking go back whole with the calls, and each call's own fields", async () => {
  const sent: unknown[] = [];
  const { ask } = await listen(({ messages }, response) => {
    sent.push(messages.at(-2));
    response.writeHead(200, { "content-type": "text/event-stream" });
    const details = (...reasoning_details: object[]) => line({ delta: { reasoning_details } });
    const call = { index: 0, id: "call_1", type: "function", function: { name: "Echo", arguments: "{}" } };
    response.end(
      [
        details({ type: "reasoning.text", index: 0, text: "They want ", format: "f", signature: null }),
        details({ type: "reasoning.text", index: 0, text: "both." }),
        details({ type: "reasoning.text", index: 0, signature: "s1" }),
        details(
          { type: "reasoning.encrypted", index: 1, data: "e1" },
          { type: "reasoning.encrypted", index: 1, data: "e2" },
        ),
        line({ delta: { thinking_blocks: [{ type: "thinking", thinking: "Hm" }] } }),
        line({ delta: { thinking_blocks: [{ type: "thinking", thinking: ".", signature: "s2" }] } }),
        line({ delta: { tool_calls: [{ ...call, provider_specific_fields: { thought_signature: "s3" } }] } }),
        line({ delta: {}, finish_reason: "tool_calls" }),
      ].join(""),
    );
  });

  const first = await ask([{ role: "user", content: "count" }]);
  const [callItem] = first.items.filter((item) => "call_id" in item) as { call_id: string }[];
  await ask([
    { role: "user", content: "count" },
    ...first.items,
    { type: "function_call_output", call_id: callItem?.call_id, output: "{}" },
  ]);

  expect(sent[1]).toMatchObject({
    role: "assistant",
    reasoning_details: [
      { type: "reasoning.text", index: 0, text: "They want both.", format: "f", signature: "s1" },
      { type: "reasoning.encrypted", index: 1, data: "e1" },
      { type: "reasoning.encrypted", index: 1, data: "e2" },
    ],
    thinking_blocks: [{ type: "thinking", thinking: "Hm.", signature: "s2" }],
    tool_calls: [{ provider_specific_fields: { thought_signature: "s3" } }],
  });
});

test("a server that refuses thinking is asked without it", async () => {
  const { ask } = await listen(({ messages }, response) => {
    if (messages.some((message) => "reasoning" in message)) {
      const message = "'messages.2' : property 'reasoning' is unsupported";
      response.writeHead(400, { "content-type": "application/json" });
      return response.end(JSON.stringify({ error: { message, type: "invalid_request_error" } }));
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    return response.end(line({ delta: { content: "One." }, finish_reason: "stop" }));
  });

  const answer = await ask([
    { role: "user", content: "count" },
    { type: "chat_reasoning", thinking: { reasoning: "Counting." } },
    { type: "function_call", call_id: "call_1", name: "Echo", arguments: "{}" },
    { type: "function_call_output", call_id: "call_1", output: "{}" },
  ]);

  expect(answer.text).toBe("One.");
});

test("a parameter that an old gateway refused is not sent to it again", async () => {
  const { answer, model } = await open([says("One."), says("Two.")], "old-gateway");

  await answer("one");
  const refused = model.refused.length;
  await answer("two");

  expect(refused).toBeGreaterThan(0);
  expect(model.refused).toHaveLength(refused);
  expect(model.requests[1]?.chatBody).not.toHaveProperty("stream_options");
});
