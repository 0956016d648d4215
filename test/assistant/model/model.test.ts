import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { INSUFFICIENT_QUOTA_BODY } from "../../../sandbox/model/api-refusal.ts";
import { createModelStandIn, type ModelStandIn } from "../../../sandbox/model/model-stand-in.ts";
import { calls, fails, says, scripted } from "../../../sandbox/model/script.ts";
import type { InputItem, Responder, Turn } from "../../../sandbox/model/turn.ts";
import { ModelError, type ModelFault } from "../../../src/assistant/model/errors/error.ts";
import { createModel, type ModelOptions, type ModelRequest } from "../../../src/assistant/model/model.ts";
import { asked, question } from "./model-question.ts";

const open: ModelStandIn[] = [];

const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((standIn) => standIn.close()));
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** An empty answer, for a server written by a test. */
const COMPLETED_EVENT = `event: response.completed\ndata: ${JSON.stringify({
  type: "response.completed",
  response: { output: [], usage: null },
})}\n\n`;

async function listenOn(server: Server): Promise<string> {
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

/** A model with the stand-in as its server. `ask` collects the text of one call. */
async function startModel(answer: readonly Turn[] | Responder, options: Partial<ModelOptions> = {}) {
  const standIn = await createModelStandIn({ answer: typeof answer === "function" ? answer : scripted(answer) });
  open.push(standIn);
  const model = createModel({ apiKey: null, baseUrl: standIn.url, name: "test-model", ...options });
  const deltas: string[] = [];
  const spoken = Promise.withResolvers<void>();
  const onText = (delta: string) => {
    deltas.push(delta);
    spoken.resolve();
  };
  const ask = (request: Partial<ModelRequest> = {}, signal = new AbortController().signal) =>
    model.answer({ ...question, ...request }, { signal, onText });
  /** `spoken` settles with the first piece of text. */
  return { standIn, ask, deltas, spoken: spoken.promise };
}

function outputOf(callId: string | undefined, output = "{}") {
  return { type: "function_call_output", call_id: callId, output };
}

async function faultOf(answer: Promise<unknown>): Promise<ModelError> {
  const error = await answer.then(
    () => new Error("an answer came"),
    (reason: unknown) => reason,
  );
  if (error instanceof ModelError) return error;
  throw error;
}

function inputOf(standIn: ModelStandIn, number: number): readonly InputItem[] {
  const input = standIn.requests[number - 1]?.body.input;
  if (!Array.isArray(input)) throw new Error(`request ${number} has no list of items`);
  return input;
}

test("each piece of text is passed on exactly as it arrives", async () => {
  const pieces = ["Oat", " milk", "\n\n- ", "👩‍👩", "‍👧", " sữa  ", "", "مرحبا", " ", "```js\nif (a) {}\n```", "\n"];
  const { ask, deltas } = await startModel([says(pieces)]);

  const answer = await ask();

  expect(deltas).toEqual(pieces.filter((piece) => piece !== ""));
  expect(answer.outcome).toEqual({ status: "completed" });
  expect(answer.calls).toEqual([]);
});

test("the request is stateless, streams, and tells the provider what it needs and nothing more", async () => {
  const { ask, standIn } = await startModel([says("Hello")]);

  await ask({ safetyIdentifier: "a-hash" });

  expect(standIn.requests[0]?.body).toEqual({
    model: "test-model",
    stream: true,
    store: false,
    instructions: "You are the Assistant.",
    input: [asked],
    tools: [{ type: "function", strict: true, ...question.tools[0] }],
    tool_choice: "auto",
    max_output_tokens: 16_000,
    prompt_cache_key: "thread-1",
    safety_identifier: "a-hash",
    include: ["reasoning.encrypted_content"],
  });
});

test("a request without tool calls says so, and keeps the definitions of the tools for the cache", async () => {
  const { ask, standIn } = await startModel([says("Hello")]);

  await ask({ mayCallTools: false });

  expect(standIn.requests[0]?.body).toMatchObject({ tool_choice: "none", tools: [{ name: "CheckOutOfStock" }] });
});

test("the calls of an answer are in the model's order with their arguments as written", async () => {
  const { ask } = await startModel([
    calls({ name: "CheckOutOfStock", callId: "call_a" }, { name: "Other", callId: "call_b", arguments: '{"date": ' }),
  ]);

  const answer = await ask();

  expect(answer.calls).toEqual([
    { callId: "call_a", name: "CheckOutOfStock", arguments: "{}" },
    { callId: "call_b", name: "Other", arguments: '{"date": ' },
  ]);
});

test("encrypted reasoning is sent back whole, before the call that it led to", async () => {
  const { ask, standIn } = await startModel([
    {
      parts: [
        { kind: "reasoning", summary: "Stock first.", encryptedContent: "gAAAA-the-whole-of-it" },
        { kind: "call", name: "CheckOutOfStock", arguments: {} },
      ],
    },
    says("Oat milk."),
  ]);

  const first = await ask();
  await ask({ input: [asked, ...first.items, outputOf(first.calls[0]?.callId)] });

  expect(standIn.refused).toEqual([]);
  expect(inputOf(standIn, 2).map((item) => item.type ?? item.role)).toEqual([
    "user",
    "reasoning",
    "function_call",
    "function_call_output",
  ]);
  expect(inputOf(standIn, 2)[1]).toMatchObject({
    summary: [{ type: "summary_text", text: "Stock first." }],
    encrypted_content: "gAAAA-the-whole-of-it",
  });
});

test("a server that refuses the request for reasoning is asked without it from then on", async () => {
  const turns = [
    { status: 400, body: { error: { message: "Unknown parameter: 'include'.", param: "include", code: null } } },
    { parts: [{ kind: "reasoning" }, { kind: "call", name: "CheckOutOfStock", arguments: {} }] },
    says("Oat milk."),
  ] satisfies Turn[];
  const { ask, standIn } = await startModel(turns);

  const first = await ask();
  await ask({ input: [asked, ...first.items, outputOf(first.calls[0]?.callId)] });

  expect(standIn.requests.map(({ body }) => body.include)).toEqual([
    ["reasoning.encrypted_content"],
    undefined,
    undefined,
  ]);
  expect(first.items).toMatchObject([{ type: "reasoning" }, { type: "function_call" }]);
  expect(inputOf(standIn, 3).map((item) => item.type ?? item.role)).toEqual([
    "user",
    "function_call",
    "function_call_output",
  ]);
});

test("a refusal for another cause does not stop later requests for reasoning", async () => {
  const refusal = { status: 400, body: { error: { message: "'input' must include a question.", param: "input" } } };
  const { ask, standIn } = await startModel([refusal, refusal, says("Oat milk.")]);

  await faultOf(ask());
  await ask();

  expect(standIn.requests.at(-1)?.body.include).toEqual(["reasoning.encrypted_content"]);
});

test("the phase of a message is stored and sent back", async () => {
  const { ask, standIn } = await startModel([
    {
      parts: [
        { kind: "text", text: "Looking.", phase: "commentary" },
        { kind: "call", name: "CheckOutOfStock", arguments: {} },
      ],
    },
    { parts: [{ kind: "text", text: "Oat milk.", phase: "final_answer" }] },
  ]);

  const first = await ask();
  const second = await ask({ input: [asked, ...first.items, outputOf(first.calls[0]?.callId)] });

  expect(inputOf(standIn, 2)[1]).toMatchObject({ role: "assistant", phase: "commentary" });
  expect(second.items).toMatchObject([{ phase: "final_answer" }]);
});

test("a refusal is text like any other", async () => {
  const { ask, deltas } = await startModel([{ parts: [{ kind: "refusal", text: "I cannot help with that." }] }]);

  const answer = await ask();

  expect(deltas.join("")).toBe("I cannot help with that.");
  expect(answer.outcome).toEqual({ status: "completed" });
});

test("two messages of one answer are separated by a blank line", async () => {
  const { ask, deltas } = await startModel([
    {
      parts: [
        { kind: "text", text: ["Looking", "."], phase: "commentary" },
        { kind: "text", text: ["Oat", " milk."], phase: "final_answer" },
      ],
    },
  ]);

  await ask();

  expect(deltas.join("")).toBe("Looking.\n\nOat milk.");
});

test("NUL, which PostgreSQL does not store, is replaced, and nothing else", async () => {
  const { ask, deltas } = await startModel([says(["a\0b", "\0", "\u0001\ufffe"])]);

  await ask();

  expect(deltas).toEqual(["a\ufffdb", "\ufffd", "\u0001\ufffe"]);
});

test("a character that arrives in two halves is passed on whole", async () => {
  const { ask, deltas } = await startModel([says(["milk \ud83e", "\udd5b!", "\ud83e"])]);

  await ask();

  expect(deltas.join("")).toBe("milk 🥛!\ufffd");
  expect(deltas.every((delta) => delta.isWellFormed())).toBe(true);
});

test("a call id that was used before is replaced, so that each call has its own output", async () => {
  const { ask, standIn } = await startModel([
    calls({ name: "CheckOutOfStock", callId: "call_0" }, { name: "CheckOutOfStock", callId: "call_0" }),
    calls({ name: "CheckOutOfStock", callId: "call_0" }),
    says("Oat milk."),
  ]);

  const first = await ask();
  const afterFirst = [asked, ...first.items, ...first.calls.map(({ callId }) => outputOf(callId))];
  const second = await ask({ input: afterFirst });
  await ask({ input: [...afterFirst, ...second.items, outputOf(second.calls[0]?.callId)] });

  const ids = [...first.calls, ...second.calls].map(({ callId }) => callId);
  expect(ids[0]).toBe("call_0");
  expect(new Set(ids).size).toBe(3);
  expect(standIn.refused).toEqual([]);
});

test("the tokens of an answer are counted as the provider counts them", async () => {
  const { ask } = await startModel([{ parts: [{ kind: "reasoning" }, { kind: "text", text: ["Oat", " milk"] }] }]);

  const { usage } = await ask();

  expect(usage).toEqual({
    inputTokens: expect.any(Number),
    cachedInputTokens: 0,
    outputTokens: 66,
    reasoningTokens: 64,
  });
  expect(usage?.inputTokens).toBeGreaterThan(10);
});

test.each(["max_output_tokens", "content_filter"] as const)("an answer cut short by %s says so", async (reason) => {
  const { ask, deltas } = await startModel([
    fails({ kind: "incomplete", reason }, { kind: "text", text: ["Oat", " mi"] }),
  ]);

  const answer = await ask();

  expect(deltas.join("")).toBe("Oat mi");
  expect(answer.outcome).toEqual({ status: "incomplete", reason });
});

const oatMi = { kind: "text", text: ["Oat", " mi"] } as const;
const overloaded = { code: "server_error", message: "Overloaded." };
const noCredit = { code: "insufficient_quota", message: "No credit is left." };

test.each<[string, Turn, ModelFault]>([
  ["that ends without a terminal event", fails({ kind: "early-end" }, oatMi), "MODEL_STREAM_BROKEN"],
  ["whose connection drops", fails({ kind: "drop" }, oatMi), "MODEL_STREAM_BROKEN"],
  ["with malformed JSON", fails({ kind: "malformed" }, oatMi), "MODEL_STREAM_BROKEN"],
  ["with an error event", fails({ kind: "error-event", ...overloaded }, oatMi), "MODEL_FAILED"],
  [
    "with an error event in the nested form",
    fails({ kind: "error-event", nested: true, ...overloaded }, oatMi),
    "MODEL_FAILED",
  ],
  ["with a failed event", fails({ kind: "failed", ...overloaded }, oatMi), "MODEL_FAILED"],
  [
    "that says failed for a rate limit",
    fails({ kind: "failed", code: "rate_limit_exceeded", message: "Too fast." }, oatMi),
    "MODEL_RATE_LIMITED",
  ],
  ["that fails for missing credit", fails({ kind: "failed", ...noCredit }, oatMi), "MODEL_QUOTA"],
  ["with an error event for missing credit", fails({ kind: "error-event", ...noCredit }, oatMi), "MODEL_QUOTA"],
])("a stream %s is an error, after its text", async (_name, turn, fault) => {
  const { ask, deltas } = await startModel([turn]);

  const error = await faultOf(ask());

  expect(error.code).toBe(fault);
  expect(deltas.join("")).toBe("Oat mi");
});

test.each<[string, Turn, ModelFault]>([
  ["401", { status: 401 }, "MODEL_REFUSED_KEY"],
  ["403", { status: 403 }, "MODEL_REFUSED_KEY"],
  ["400", { status: 400 }, "MODEL_REFUSED_REQUEST"],
  ["404", { status: 404 }, "MODEL_REFUSED_REQUEST"],
  ["429", { status: 429 }, "MODEL_RATE_LIMITED"],
  ["413", { status: 413 }, "MODEL_INPUT_TOO_LONG"],
  [
    "429 of a request that never fits into a minute",
    {
      status: 429,
      body: {
        error: {
          code: "rate_limit_exceeded",
          message: "Request too large for gpt-6-luna: Limit 30000, Requested 31000.",
        },
      },
    },
    "MODEL_INPUT_TOO_LONG",
  ],
  ["500", { status: 500 }, "MODEL_UNAVAILABLE"],
  ["503", { status: 503 }, "MODEL_UNAVAILABLE"],
])("the status %s becomes its error code", async (_name, turn, fault) => {
  const { ask } = await startModel(() => turn);

  const error = await faultOf(ask());

  expect(error.code).toBe(fault);
});

test("connections are reused between calls: the next round waits for no handshake", async () => {
  const connections = new Set<unknown>();
  const server = createServer((request, response) => {
    connections.add(request.socket);
    request.resume().once("end", () => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      // The end arrives separately after the last event, as over a network.
      response.write(COMPLETED_EVENT, () => setImmediate(() => response.end()));
    });
  });
  const model = createModel({ apiKey: null, baseUrl: await listenOn(server), name: "test-model", lingerMs: 60_000 });
  const ask = () => model.answer(question, { signal: new AbortController().signal, onText: () => undefined });

  for (let call = 1; call <= 8; call += 1) await ask();

  // A call in the same moment may find the connection of the previous one not yet released.
  expect(connections.size).toBeLessThanOrEqual(2);
});

test("a server that does not close the connection after the answer delays nothing", async () => {
  const hungUp = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(COMPLETED_EVENT);
    response.once("close", hungUp.resolve);
  });
  const model = createModel({ apiKey: null, baseUrl: await listenOn(server), name: "test-model" });

  const answer = await model.answer(question, { signal: new AbortController().signal, onText: () => undefined });

  expect(answer.outcome).toEqual({ status: "completed" });
  await hungUp.promise;
});

test.each<[string, Turn]>([
  ["429", { status: 429, headers: { "retry-after": "0" } }],
  ["500", { status: 500, headers: { "x-should-retry": "true" } }],
  ["a drop before the first word", fails({ kind: "drop" })],
])("after %s it makes no second call", async (_name, turn) => {
  const { ask, standIn } = await startModel(() => turn);

  await faultOf(ask());

  expect(standIn.requests).toHaveLength(1);
});

test.each<[Record<string, string>, number | null]>([
  [{ "retry-after": "7" }, 7],
  [{ "retry-after": "0.5" }, 0.5],
  [{ "retry-after-ms": "250", "retry-after": "7" }, 0.25],
  [{ "retry-after": "Sun, 22 Nov 2026 10:00:30 GMT", date: "Sun, 22 Nov 2026 10:00:00 GMT" }, 30],
  [{ "retry-after": "Sun, 22 Nov 2026 09:00:00 GMT", date: "Sun, 22 Nov 2026 10:00:00 GMT" }, 0],
  [{ "retry-after": "soon" }, null],
  [{ "retry-after": "-1", "retry-after-ms": "-1" }, null],
  [{}, null],
])("the headers %o ask to wait for %s s", async (headers, seconds) => {
  const { ask } = await startModel(() => ({ status: 429, headers }));

  const error = await faultOf(ask());

  expect(error.retryAfterSeconds).toBe(seconds);
});

test.each<[string, Turn, boolean]>([
  ["a busy server", { status: 503 }, true],
  ["a proxy that timed out", { status: 408 }, true],
  ["a server that forbids a retry", { status: 503, headers: { "x-should-retry": "false" } }, false],
  ["an internal failure of the server", fails({ kind: "failed", ...overloaded }), true],
  ["an error event for an internal failure", fails({ kind: "error-event", nested: true, ...overloaded }), true],
  ["a failure caused by the request", fails({ kind: "failed", code: "invalid_prompt", message: "No." }), false],
  ["missing credit, by its type alone", { status: 429, body: { error: { type: "insufficient_quota" } } }, false],
  ["a refused request", { status: 400 }, false],
])("%s: the error says whether a retry may help", async (_name, turn, isTransient) => {
  const { ask } = await startModel(() => turn);

  const error = await faultOf(ask());

  expect(error.isTransient).toBe(isTransient);
});

test("without credit there is no retry: it would never help", async () => {
  const { ask, standIn } = await startModel(() => ({ status: 429, body: INSUFFICIENT_QUOTA_BODY }));

  const error = await faultOf(ask());

  expect(error.code).toBe("MODEL_QUOTA");
  expect(error.message).toContain("exceeded your current quota");
  expect(standIn.requests).toHaveLength(1);
});

test("a server that is down is unreachable", async () => {
  const { ask, standIn } = await startModel([]);
  await standIn.close();

  const error = await faultOf(ask());

  expect(error.code).toBe("MODEL_UNREACHABLE");
  expect(error.message).toContain("ECONNREFUSED");
});

test("silence in the stream is an error after the idle timeout, and the call is aborted", async () => {
  const { ask, standIn, deltas } = await startModel([fails({ kind: "silence" }, oatMi)], { idleTimeoutMs: 1_000 });

  const error = await faultOf(ask());

  expect(error.code).toBe("MODEL_SILENT");
  expect(deltas.join("")).toBe("Oat mi");
  await standIn.requests[0]?.whenAborted;
});

test("silence before the first event is an error after the idle timeout, and the call is aborted", async () => {
  const { ask, standIn } = await startModel(() => new Promise(() => undefined), { idleTimeoutMs: 200 });

  const error = await faultOf(ask());

  expect(error.code).toBe("MODEL_SILENT");
  await standIn.requests[0]?.whenAborted;
});

test("the timeout before the first event differs from the one between two events", async () => {
  const { ask } = await startModel([fails({ kind: "silence" }, oatMi)], {
    firstEventTimeoutMs: 60_000,
    idleTimeoutMs: 300,
  });
  const { ask: askSilent } = await startModel(() => new Promise(() => undefined), {
    firstEventTimeoutMs: 200,
    idleTimeoutMs: 60_000,
  });

  const [after, before] = await Promise.all([faultOf(ask()), faultOf(askSilent())]);

  expect(after.message).toBe("The model was silent for 0.3 s.");
  expect(before.message).toBe("The model was silent for 0.2 s.");
});

test("comments show that the server works: it is waited for longer than for a silent one", async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    let comments = 0;
    const timer = setInterval(() => {
      comments += 1;
      if (comments <= 20) return void response.write(": still loading the model\n\n");
      clearInterval(timer);
      response.end(COMPLETED_EVENT);
    }, 100);
  });
  const baseUrl = await listenOn(server);
  const model = createModel({ apiKey: null, baseUrl, name: "test-model", idleTimeoutMs: 1_500 });

  const answer = await model.answer(question, { signal: new AbortController().signal, onText: () => undefined });

  expect(answer.outcome).toEqual({ status: "completed" });
});

test("a server that answers with one JSON document instead of a stream is read", async () => {
  const message = { type: "message", content: [{ type: "output_text", text: "Oat milk." }] };
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ object: "response", status: "completed", output: [message] }));
  });
  const model = createModel({ apiKey: null, baseUrl: await listenOn(server), name: "test-model" });

  const answer = await model.answer(question, { signal: new AbortController().signal, onText: () => undefined });

  expect(answer.text).toBe("Oat milk.");
});

test("a web page instead of an answer says to look at the address", async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<html>Welcome to the router</html>");
  });
  const model = createModel({ apiKey: null, baseUrl: await listenOn(server), name: "test-model" });

  const error = await faultOf(
    model.answer(question, { signal: new AbortController().signal, onText: () => undefined }),
  );

  expect(error).toMatchObject({ code: "MODEL_REFUSED_REQUEST", message: expect.stringContaining("OPENAI_BASE_URL") });
});

test.each([
  ['{"error":{"message":"Not found.","type":"x"}}', "Not found."],
  ['[{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}]', "models/x is not found"],
  ['{"object":"error","message":"The model `x` does not exist.","code":404}', "The model `x` does not exist."],
  ['{"detail":"Not Found"}', "Not Found"],
  ['{"detail":[{"loc":["body","strict"],"msg":"extra fields"}]}', "extra fields"],
  [`{"error":"model 'x' not found, try pulling it first"}`, "try pulling it first"],
  ["<html><title>404</title><body><h1>Not here</h1></body></html>", "Not here"],
  ["", "404"],
])("the words of an error are read from %s", async (body, words) => {
  const server = createServer((_request, response) => {
    response.writeHead(404, { "content-type": body.startsWith("<") ? "text/html" : "application/json" });
    response.end(body);
  });
  const model = createModel({ apiKey: null, baseUrl: await listenOn(server), name: "test-model" });

  const error = await faultOf(
    model.answer(question, { signal: new AbortController().signal, onText: () => undefined }),
  );

  expect(error).toMatchObject({ code: "MODEL_REFUSED_REQUEST", status: 404 });
  expect(error.message).toContain(words);
  expect(error.message).toContain("/v1/responses");
  expect(error.message).toContain("OPENAI_API=chat");
});

test("a call that takes longer than the total timeout is an error, and is aborted", async () => {
  const { ask, standIn } = await startModel([fails({ kind: "silence" }, oatMi)], { totalTimeoutMs: 200 });

  const error = await faultOf(ask());

  expect(error.code).toBe("MODEL_TIMEOUT");
  await standIn.requests[0]?.whenAborted;
});

test("an endless answer of which nothing is shown is ended, and the call is aborted", async () => {
  const hungUp = Promise.withResolvers<void>();
  const thinking = `data: ${JSON.stringify({ type: "response.reasoning_text.delta", delta: "x".repeat(1_000_000) })}\n\n`;
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = () => {
      while (response.write(thinking));
    };
    response.on("drain", send).once("close", hungUp.resolve);
    send();
  });
  const model = createModel({ apiKey: null, baseUrl: await listenOn(server), name: "test-model" });

  const error = await faultOf(
    model.answer(question, { signal: new AbortController().signal, onText: () => undefined }),
  );

  expect(error.code).toBe("MODEL_TOO_LONG");
  await hungUp.promise;
});

test("an endless answer is ended, and the call is aborted", async () => {
  const { ask, standIn } = await startModel([
    fails({ kind: "silence" }, { kind: "text", text: ["x".repeat(99_999), "y", "z"] }),
  ]);

  const error = await faultOf(ask());

  expect(error.code).toBe("MODEL_TOO_LONG");
  await standIn.requests[0]?.whenAborted;
});

test("a call aborted before it begins throws the signal's reason and sends nothing", async () => {
  const reason = new Error("stopped");
  const { ask, standIn } = await startModel([says("Never asked for.")]);

  await expect(ask({}, AbortSignal.abort(reason))).rejects.toBe(reason);

  expect(standIn.requests).toEqual([]);
});

test("a call aborted during its stream throws the signal's reason and closes the connection", async () => {
  const { ask, standIn, spoken } = await startModel([fails({ kind: "silence" }, oatMi)]);
  const abort = new AbortController();
  const reason = new Error("the person pressed stop");

  const answer = ask({}, abort.signal);
  await spoken;
  abort.abort(reason);

  await expect(answer).rejects.toBe(reason);
  await standIn.requests[0]?.whenAborted;
});

test("no secret gets into an error message, whatever the server quotes", async () => {
  const apiKey = "sk-proj-a-key-that-nobody-should-read";
  const botToken = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1";
  const { ask } = await startModel(
    () => ({
      status: 401,
      body: { error: { message: `Incorrect API key provided: ${apiKey}. See ${botToken}.`, code: "invalid_api_key" } },
    }),
    { apiKey },
  );

  const error = await faultOf(ask());

  expect(error.message).toContain("Incorrect API key provided");
  expect(error.message).not.toContain(apiKey);
  expect(error.message).not.toContain(botToken);
});

test("a password in the model's address stays out of the message", async () => {
  const { ask } = await startModel([], { baseUrl: "http://engineer:hunter2secret@127.0.0.1:9/v1" });

  const error = await faultOf(ask());

  expect(error.code).toBe("MODEL_UNREACHABLE");
  expect(error.message).not.toContain("hunter2secret");
});
