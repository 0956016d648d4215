/** What a collector gets to see of runs. */
import { afterEach, expect, test } from "vitest";
import { calls, fails, says } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";
import type { ToolOutput } from "../../../src/tools/tool.ts";
import { type RunTestOptions, tool } from "../../assistant/run-support.ts";
import { openTracedTest, spanOf, startTracesTo, type TracedTest } from "./traces-support.ts";

let traced: TracedTest | undefined;
afterEach(async () => {
  await traced?.close();
  traced = undefined;
});

async function open(turns: readonly Turn[], env?: Record<string, string>, options?: RunTestOptions) {
  traced = await openTracedTest(turns, env, options);
  return traced;
}

/** Long enough for a run that has ended to be finished with, in milliseconds. */
const GRACE_MS = 60_000;

const ROOT = "invoke_agent Xi Pho Coffee";
const traceIdOf = (runId: string) => runId.replaceAll("-", "");
const CONTENT_ON = { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true" };

test("a run is one trace: the run, its model calls and its tool calls, by the names of the conventions", async () => {
  const { answer, spans } = await open(
    [
      calls({ name: "CheckOutOfStock", callId: "call_1" }),
      calls({ name: "Noodles", callId: "call_2" }),
      says("All good."),
    ],
    { OPENAI_BASE_URL: "https://llm.example.com:8443/v1" },
  );

  const { run } = await answer("what's running out?");

  const received = await spans();
  expect(received.map(({ name }) => name).toSorted()).toEqual([
    "chat test-model",
    "chat test-model",
    "chat test-model",
    "execute_tool CheckOutOfStock",
    "execute_tool _OTHER",
    ROOT,
  ]);
  const root = spanOf(received, ROOT);
  expect(root).toMatchObject({ parentSpanId: "", kind: 1, status: { code: 0, message: "" } });
  expect(root.attributes).toEqual({
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "Xi Pho Coffee",
    "gen_ai.conversation.id": run.threadId,
    "counterhand.run.id": run.id,
    "counterhand.run.attempt": 1,
    "counterhand.run.queued_ms": expect.any(Number),
    "counterhand.run.status": "completed",
  });
  const children = received.filter((span) => span !== root);
  expect(new Set(received.map(({ traceId }) => traceId))).toEqual(new Set([traceIdOf(run.id)]));
  expect(new Set(children.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([root.spanId]));
  expect(children.every(({ durationMs }) => durationMs <= root.durationMs)).toBe(true);

  const modelCalls = received.filter(({ name }) => name === "chat test-model");
  expect(modelCalls.map(({ kind, status }) => [kind, status.code])).toEqual(Array(3).fill([3, 0]));
  expect(modelCalls.map(({ attributes }) => attributes["gen_ai.response.finish_reasons"])).toEqual([
    ["tool_call"],
    ["tool_call"],
    ["stop"],
  ]);
  expect(modelCalls[0]?.attributes).toEqual({
    "gen_ai.operation.name": "chat",
    "gen_ai.conversation.id": run.threadId,
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "test-model",
    "gen_ai.request.max_tokens": 16_000,
    "gen_ai.request.stream": true,
    "gen_ai.response.finish_reasons": ["tool_call"],
    "gen_ai.usage.input_tokens": expect.any(Number),
    "gen_ai.usage.cache_read.input_tokens": expect.any(Number),
    "gen_ai.usage.output_tokens": expect.any(Number),
    "gen_ai.usage.reasoning.output_tokens": expect.any(Number),
    "server.address": "llm.example.com",
    "server.port": 8_443,
  });
  const inputTokens = modelCalls.map(({ attributes }) => Number(attributes["gen_ai.usage.input_tokens"]));
  expect(inputTokens.reduce((sum, tokens) => sum + tokens, 0)).toBe(run.inputTokens);

  expect(spanOf(received, "execute_tool CheckOutOfStock")).toMatchObject({ kind: 1, status: { code: 0 } });
  expect(spanOf(received, "execute_tool CheckOutOfStock").attributes).toEqual({
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.conversation.id": run.threadId,
    "gen_ai.tool.name": "CheckOutOfStock",
    "gen_ai.tool.type": "function",
    "gen_ai.tool.call.id": "call_1",
  });
  expect(spanOf(received, "execute_tool _OTHER")).toMatchObject({
    status: { code: 2 },
    attributes: { "error.type": "UNKNOWN_TOOL" },
  });
});

test("a run that fails is an error with its code, and so is each call of the model that failed", async () => {
  const { answer, spans } = await open([fails({ status: 503 }), fails({ status: 401 })]);

  await answer("go");

  const received = await spans();
  expect(received.map(({ name, attributes }) => [name, attributes["error.type"]])).toEqual([
    ["chat test-model", "MODEL_UNAVAILABLE"],
    ["chat test-model", "MODEL_REFUSED_KEY"],
    [ROOT, "MODEL_REFUSED_KEY"],
  ]);
  expect(received.map(({ status }) => status)).toEqual(Array(3).fill({ code: 2, message: "" }));
  expect(spanOf(received, ROOT).attributes["counterhand.run.status"]).toBe("failed");
});

test("an answer that is cut short has the reason of its end", async () => {
  const { answer, spans } = await open([
    fails({ kind: "incomplete", reason: "max_output_tokens" }, { kind: "text", text: "Half of" }),
  ]);

  await answer("go");

  const received = await spans();
  expect(spanOf(received, "chat test-model")).toMatchObject({
    status: { code: 0 },
    attributes: { "gen_ai.response.finish_reasons": ["length"] },
  });
  expect(spanOf(received, ROOT).attributes).toMatchObject({
    "counterhand.run.status": "incomplete",
    "error.type": "MODEL_CUT_SHORT",
  });
});

test("a run that a person stops is no error, but its aborted calls are named so", async () => {
  const started = Promise.withResolvers<void>();
  const released = Promise.withResolvers<ToolOutput>();
  const slow = tool("Slow", () => {
    started.resolve();
    return released.promise;
  });
  const { ask, ended, startWorker, stop, spans } = await open(
    [calls({ name: "Slow", arguments: { n: 1 } })],
    {},
    { tools: [slow] },
  );
  const worker = await startWorker();
  const { runId } = await ask("go");
  await started.promise;

  await stop(runId);
  await ended(runId);
  await worker.stop(GRACE_MS);
  released.resolve({});

  const received = await spans();
  const root = spanOf(received, ROOT);
  expect(root.status.code).toBe(0);
  expect(root.attributes["counterhand.run.status"]).toBe("cancelled");
  expect(root.attributes["error.type"]).toBeUndefined();
  expect(spanOf(received, "execute_tool Slow")).toMatchObject({
    status: { code: 2 },
    attributes: { "error.type": "aborted" },
  });
});

test("a run that passes to the worker of another process stays one trace, with a root for each attempt", async () => {
  const { ask, ended, startWorker, model, spans, receiver, log } = await open([
    calls({ name: "CheckOutOfStock" }),
    fails({ kind: "silence" }, { kind: "text", text: "Half" }),
    says("Here I am."),
  ]);
  const other = await startTracesTo(receiver.url, {}, log);
  const first = await startWorker();
  const { runId } = await ask("go");
  await model.waitForRequest(2);

  await first.stop(0);
  const second = await startWorker({ tracer: other.tracer });
  await ended(runId);
  await second.stop(GRACE_MS);

  await other.stop();
  const received = await spans();
  const roots = received.filter(({ name }) => name === ROOT);
  const byAttempt = (attempt: number) =>
    roots.find(({ attributes }) => attributes["counterhand.run.attempt"] === attempt);
  expect(new Set(received.map(({ traceId }) => traceId))).toEqual(new Set([traceIdOf(runId)]));
  expect(roots.map(({ parentSpanId }) => parentSpanId)).toEqual(["", ""]);
  expect(byAttempt(1)).toMatchObject({ status: { code: 0 }, attributes: { "counterhand.run.handover": "shutdown" } });
  expect(byAttempt(2)).toMatchObject({ status: { code: 0 }, attributes: { "counterhand.run.status": "completed" } });
  const childrenOf = (attempt: number) =>
    received.filter(({ parentSpanId }) => parentSpanId === byAttempt(attempt)?.spanId).map(({ name }) => name);
  expect(childrenOf(1)).toEqual(["chat test-model", "execute_tool CheckOutOfStock", "chat test-model"]);
  // What the first attempt has stored is not repeated.
  expect(childrenOf(2)).toEqual(["chat test-model"]);
});

test("an attempt that a bug ended is an error, and the next one is in the same trace", async () => {
  let endings = 0;
  const { ask, ended, startWorker, spans } = await open(
    [says("One."), says("Two.")],
    {},
    {
      finalText(_run, _outcome, text) {
        endings += 1;
        if (endings === 1) throw new Error("no words");
        return text;
      },
    },
  );
  const worker = await startWorker();
  const { runId } = await ask("go");
  await ended(runId);
  await worker.stop(GRACE_MS);

  const roots = (await spans()).filter(({ name }) => name === ROOT);
  expect(roots.map(({ traceId, attributes }) => [traceId, attributes["error.type"]])).toEqual([
    [traceIdOf(runId), "fault"],
    [traceIdOf(runId), undefined],
  ]);
});

const SECRET_CALLS = [calls({ name: "Echo", arguments: { n: 77_123 } }), says("The quokka says four.")];
const echo = () => tool("Echo", ({ n }) => ({ doubled: (n ?? 0) * 2 }));

test("no word that was said, no argument and no result is sent by default", async () => {
  const { answer, spans } = await open(SECRET_CALLS, {}, { tools: [echo()] });

  await answer("How is my wombat 7001?", { from: 987_654_321 });

  const received = JSON.stringify(await spans());
  expect(received).toContain("execute_tool Echo");
  for (const said of ["wombat", "quokka", "77123", "154246", "Linh", "987654321", "Does Echo"]) {
    expect(received).not.toContain(said);
  }
});

test("for those who ask for it, spans contain what was said, and never a Telegram id or a token", async () => {
  const { answer, spans } = await open(SECRET_CALLS, CONTENT_ON, { tools: [echo()] });

  await answer('my "wombat" and 123456789:AAFabcdefghijklmnopqrstuvwxyz_-12345', { from: 987_654_321 });

  const received = await spans();
  expect(JSON.stringify(received)).not.toContain("987654321");
  const [first, second] = received.filter(({ name }) => name === "chat test-model");
  const contentOf = (span: typeof first, name: string) => JSON.parse(String(span?.attributes[name]));
  const question = { role: "user", parts: [{ type: "text", content: 'my "wombat" and [token]' }] };
  expect(contentOf(first, "gen_ai.system_instructions")).toEqual([
    { type: "text", content: expect.stringContaining("Xi Pho Coffee") },
  ]);
  expect(contentOf(first, "gen_ai.input.messages")).toEqual([question]);
  const call = { type: "tool_call", id: expect.any(String), name: "Echo", arguments: { n: 77_123 } };
  expect(contentOf(first, "gen_ai.output.messages")).toEqual([
    { role: "assistant", parts: [call], finish_reason: "tool_call" },
  ]);
  expect(contentOf(second, "gen_ai.input.messages")).toEqual([
    question,
    { role: "assistant", parts: [call] },
    { role: "tool", parts: [{ type: "tool_call_response", id: expect.any(String), response: { doubled: 154_246 } }] },
  ]);
  expect(contentOf(second, "gen_ai.output.messages")).toEqual([
    { role: "assistant", parts: [{ type: "text", content: "The quokka says four." }], finish_reason: "stop" },
  ]);
  const root = spanOf(received, ROOT);
  expect(contentOf(root, "gen_ai.input.messages")).toEqual([question]);
  expect(contentOf(root, "gen_ai.output.messages")).toEqual([
    { role: "assistant", parts: [{ type: "text", content: "The quokka says four." }] },
  ]);
  const toolCall = spanOf(received, "execute_tool Echo");
  expect(contentOf(toolCall, "gen_ai.tool.call.arguments")).toEqual({ n: 77_123 });
  expect(contentOf(toolCall, "gen_ai.tool.call.result")).toEqual({ doubled: 154_246 });
});

test("the message of an error is content: a server may quote the question in it", async () => {
  const refused = () =>
    fails({ status: 400, body: { error: { message: "the wombat of sk-abcdefghijklmnop is refused" } } });
  const { answer, spans } = await open([refused()], CONTENT_ON);

  await answer("go");

  expect(spanOf(await spans(), ROOT).status).toEqual({
    code: 2,
    message: expect.stringContaining("the wombat of [key] is refused"),
  });
});

test("content is limited, and stays JSON: long texts are cut, and the oldest messages are left out", async () => {
  const long = tool("Long", () => ({ lines: "x".repeat(50_000) }));
  const { answer, spans } = await open(
    [...Array(5).fill(calls({ name: "Long", arguments: { n: 1 } })), says("Done. ".repeat(3_000))],
    CONTENT_ON,
    { tools: [long] },
  );

  await answer("go");

  const received = await spans();
  const contents = received.flatMap(({ attributes }) =>
    Object.entries(attributes).filter(([name]) => /messages|instructions|arguments|result/.test(name)),
  );
  for (const [, content] of contents) expect(JSON.parse(String(content))).toBeTruthy();
  expect(Math.max(...contents.map(([, content]) => String(content).length))).toBeLessThan(30_000);
  const last = received.findLast(({ name }) => name === "chat test-model");
  const input = JSON.parse(String(last?.attributes["gen_ai.input.messages"]));
  expect(input.at(-1).role).toBe("tool");
  expect(input.length).toBeLessThan(11);
});

test("the resource has the service's name and the operator's attributes, and each request their headers", async () => {
  const { answer, spans, receiver } = await open([says("Hi.")], {
    OTEL_SERVICE_NAME: "corner shop",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=staging,team=caf%C3%A9",
    OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Basic%20cGs6c2s%3D, x-tenant=xi pho",
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
  });

  await answer("go");

  const [span] = await spans();
  expect(span?.resource).toMatchObject({
    "service.name": "corner shop",
    "deployment.environment.name": "staging",
    team: "café",
    "telemetry.sdk.name": "opentelemetry",
  });
  expect(receiver.requests).toMatchObject([
    { authorization: "Basic cGs6c2s=", "x-tenant": "xi pho", "content-encoding": "gzip" },
  ]);
});

test("a run that is not sampled leaves nothing, and costs no request", async () => {
  const { answer, spans, receiver } = await open([says("Hi.")], {
    OTEL_TRACES_SAMPLER: "traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.000000001",
  });

  await answer("go");

  expect(await spans()).toEqual([]);
  expect(receiver.requests).toEqual([]);
});
