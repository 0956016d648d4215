import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import OpenAI from "openai";
import { afterEach, expect, test } from "vitest";
import { INSUFFICIENT_QUOTA_BODY } from "../../../sandbox/model/api-refusal.ts";
import {
  createModelStandIn,
  type ModelStandIn,
  type ModelStandInOptions,
} from "../../../sandbox/model/model-stand-in.ts";
import { calls, fails, says, scripted } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";

const open: ModelStandIn[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((standIn) => standIn.close()));
});

async function start(turns: readonly Turn[], options: Partial<ModelStandInOptions> = {}) {
  const standIn = await createModelStandIn({ answer: scripted(turns), ...options });
  open.push(standIn);
  const client = new OpenAI({ baseURL: standIn.url, apiKey: "sk-test", maxRetries: 0, logLevel: "off" });
  return { standIn, client };
}

const question = { model: "gpt-6-luna", input: "what's running out?", stream: true, store: false } as const;

type StreamEvent = OpenAI.Responses.ResponseStreamEvent;

async function collect(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  return await Array.fromAsync(stream);
}

function textOf(events: readonly StreamEvent[]): string {
  return events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");
}

test("a text is streamed in OpenAI's order of events, numbered without gaps", async () => {
  const { client } = await start([says(["Oat ", "milk"])]);

  const events = await collect(await client.responses.create(question));

  expect(events.map((event) => event.type)).toEqual([
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
});

test("a string is split into tokens that join to exactly the same text", async () => {
  const text = "  **2 products** are out of stock:\n\n- Sữa yến mạch 👩‍👩‍👧  (0 of 6) a😀😀😀😀😀😀😀\n";
  const { client } = await start([says(text)]);

  const events = await collect(await client.responses.create(question));

  const deltas = events.filter((event) => event.type === "response.output_text.delta");
  expect(deltas.length).toBeGreaterThan(5);
  expect(deltas.every((event) => event.delta.isWellFormed())).toBe(true);
  expect(textOf(events)).toBe(text);
});

test("onSent is called with the request for every event before the client receives it", async () => {
  const sent: string[] = [];
  const { client, standIn } = await start([says(["Oat ", "milk"])], {
    onSent: (request, event) => sent.push(`${request.number} ${event.type}`),
  });

  const sentAtArrival: number[] = [];
  const received: string[] = [];
  for await (const event of await client.responses.create(question)) {
    received.push(`${standIn.requests[0]?.number} ${event.type}`);
    sentAtArrival.push(sent.length);
  }

  expect(sent).toEqual(received);
  expect(sentAtArrival.every((count, index) => count > index)).toBe(true);
});

test("the completed response holds the whole output and a usage that adds up", async () => {
  const { client } = await start([
    { parts: [{ kind: "reasoning" }, { kind: "text", text: ["a", "b"], phase: "final_answer" }] },
  ]);

  const events = await collect(await client.responses.create(question));

  const last = events.at(-1);
  if (last?.type !== "response.completed") throw new Error("not completed");
  const { response } = last;
  expect(response.output.map((item) => item.type)).toEqual(["reasoning", "message"]);
  expect(response.output[1]).toMatchObject({ role: "assistant", phase: "final_answer", status: "completed" });
  expect(response.usage).toMatchObject({ output_tokens: 66, output_tokens_details: { reasoning_tokens: 64 } });
  expect(response.usage?.total_tokens).toBe((response.usage?.input_tokens ?? 0) + 66);
});

test("several calls of one turn have different ids and complete arguments", async () => {
  const { client } = await start([
    calls({ name: "CheckOutOfStock" }, { name: "CheckDailyRevenue", arguments: { date: "2026-11-21" } }),
  ]);

  const events = await collect(await client.responses.create(question));

  const done = events.filter((event) => event.type === "response.output_item.done").map((event) => event.item);
  expect(done).toMatchObject([
    { type: "function_call", name: "CheckOutOfStock", arguments: "{}" },
    { type: "function_call", name: "CheckDailyRevenue", arguments: '{"date":"2026-11-21"}' },
  ]);
  expect(new Set(done.flatMap((item) => (item.type === "function_call" ? [item.id, item.call_id] : []))).size).toBe(4);
});

test("reasoning has encrypted content only when requested, and complete only in the done event", async () => {
  const turn: Turn = {
    parts: [
      { kind: "reasoning", summary: "Thinking", encryptedContent: "sealed-content" },
      { kind: "text", text: "x" },
    ],
  };
  const { client } = await start([turn, turn]);

  const without = await collect(await client.responses.create(question));
  const withIt = await collect(
    await client.responses.create({ ...question, include: ["reasoning.encrypted_content"] }),
  );

  const items = (events: StreamEvent[], type: string) =>
    events.flatMap((event) => (event.type === type && "item" in event ? [event.item] : []));
  expect(items(without, "response.output_item.done")[0]).not.toHaveProperty("encrypted_content");
  expect(items(withIt, "response.output_item.done")[0]).toMatchObject({ encrypted_content: "sealed-content" });
  expect(items(withIt, "response.output_item.added")[0]).not.toMatchObject({ encrypted_content: "sealed-content" });
});

test("a refusal arrives as refusal events, not as text", async () => {
  const { client } = await start([{ parts: [{ kind: "refusal", text: "I can't help with that." }] }]);

  const events = await collect(await client.responses.create(question));

  const refusal = events.map((event) => (event.type === "response.refusal.delta" ? event.delta : "")).join("");
  expect(refusal).toBe("I can't help with that.");
  expect(textOf(events)).toBe("");
});

test("a failed and an incomplete response end with a regular event", async () => {
  const { client } = await start([
    fails({ kind: "failed", code: "server_error", message: "It broke." }, { kind: "text", text: "Hal" }),
    fails({ kind: "incomplete", reason: "max_output_tokens" }, { kind: "text", text: "Hal" }),
  ]);

  const failed = (await collect(await client.responses.create(question))).at(-1);
  const incomplete = (await collect(await client.responses.create(question))).at(-1);

  expect(failed).toMatchObject({
    type: "response.failed",
    response: { status: "failed", error: { code: "server_error", message: "It broke." }, output: [] },
  });
  expect(incomplete).toMatchObject({
    type: "response.incomplete",
    response: { incomplete_details: { reason: "max_output_tokens" }, output: [{ status: "incomplete" }] },
  });
});

test("an error event, flat as documented or nested, is thrown by the client", async () => {
  const error = { kind: "error-event", code: "server_error", message: "It broke." } as const;
  const { client } = await start([fails(error), fails({ ...error, nested: true })]);

  const flat = client.responses.create(question).then(collect);
  await expect(flat).rejects.toMatchObject({ status: undefined, code: "server_error", message: "It broke." });
  const nested = client.responses.create(question).then(collect);
  await expect(nested).rejects.toMatchObject({ status: undefined, code: "server_error", message: "It broke." });
});

test("a dropped connection delivers everything sent before the drop", async () => {
  const { client, standIn } = await start([fails({ kind: "drop" }, { kind: "text", text: ["Oat ", "milk"] })]);
  const seen: StreamEvent[] = [];

  const reading = (async () => {
    for await (const event of await client.responses.create(question)) seen.push(event);
  })();

  await expect(reading).rejects.toThrow();
  expect(textOf(seen)).toBe("Oat milk");
  expect(seen.at(-1)?.type).toBe("response.output_text.delta");
  expect(standIn.requests[0]?.aborted).toBe(false);
});

test("an early end closes the stream cleanly without a terminal event", async () => {
  const { client } = await start([fails({ kind: "early-end" }, { kind: "text", text: ["Oat ", "milk"] })]);

  const events = await collect(await client.responses.create(question));

  expect(events.at(-1)?.type).toBe("response.output_text.delta");
});

test("malformed JSON in the stream is thrown by the client", async () => {
  const { client } = await start([fails({ kind: "malformed" }, { kind: "text", text: "Oat" })]);

  const reading = collect(await client.responses.create(question));

  await expect(reading).rejects.toThrow(SyntaxError);
});

test("a silence lasts until the client aborts, and the stand-in records the abort", async () => {
  const { client, standIn } = await start([fails({ kind: "silence" }, { kind: "text", text: ["Oat"] })]);
  const stop = new AbortController();
  const seen: string[] = [];

  for await (const event of await client.responses.create(question, { signal: stop.signal })) {
    seen.push(event.type);
    if (event.type === "response.output_text.delta") stop.abort();
  }
  await standIn.requests[0]?.whenAborted;

  expect(seen.at(-1)).toBe("response.output_text.delta");
  expect(standIn.requests[0]?.aborted).toBe(true);
});

test("a client that disconnects before the responder answers is recorded too", async () => {
  const never = new Promise<Turn>(() => undefined);
  const { client, standIn } = await start([], { answer: () => never });
  const stop = new AbortController();

  const asking = client.responses.create(question, { signal: stop.signal });
  const request = await standIn.waitForRequest(1);
  stop.abort();

  await expect(asking).rejects.toThrow("aborted");
  await request.whenAborted;
  expect(request.aborted).toBe(true);
});

test("a promise among the pieces of a text delays the pieces after it", async () => {
  const gate = Promise.withResolvers<void>();
  const { client } = await start([says(["Oat ", gate.promise, "milk"])]);
  const events = (await client.responses.create(question))[Symbol.asyncIterator]();
  const nextDelta = async () => {
    for (let next = await events.next(); !next.done; next = await events.next()) {
      if (next.value.type === "response.output_text.delta") return next.value.delta;
    }
    return null;
  };

  const first = await nextDelta();
  const second = nextDelta();
  // A full round trip to the same server: enough time for a piece that is not delayed.
  await client.models.list();
  const early = await Promise.race([second, Promise.resolve("held back")]);
  gate.resolve();

  expect([first, early, await second]).toEqual(["Oat ", "held back", "milk"]);
});

test("an error status has its headers and OpenAI's error body", async () => {
  const { client } = await start([fails({ status: 429, headers: { "retry-after": "7" } }), fails({ status: 503 })]);

  const busy = await client.responses.create(question).catch((error: unknown) => error);
  const down = await client.responses.create(question).catch((error: unknown) => error);

  expect(busy).toMatchObject({ status: 429, code: "rate_limit_exceeded" });
  expect(busy instanceof OpenAI.APIError && busy.headers?.get("retry-after")).toBe("7");
  expect(down).toMatchObject({ status: 503 });
});

test("an account without credit gets a 429 with its own code", async () => {
  const { client } = await start([fails({ status: 429, body: INSUFFICIENT_QUOTA_BODY })]);

  const asking = client.responses.create(question);

  await expect(asking).rejects.toMatchObject({ status: 429, code: "insufficient_quota", type: "insufficient_quota" });
});

test("a request without a turn in the script gets a 500 that is not retried, and is recorded", async () => {
  const { client, standIn } = await start([says("one")]);
  await collect(await client.responses.create(question));

  const second = client.responses.create(question, { maxRetries: 2 });

  await expect(second).rejects.toThrow(/Unexpected model request 2: the script has 1 turns/);
  expect(standIn.unexpected).toHaveLength(1);
  expect(standIn.requests).toHaveLength(2);
});

test("accepted requests are recorded with body and headers, and can be awaited", async () => {
  const { client, standIn } = await start([says("one"), says("two")]);
  const second = standIn.waitForRequest(2);

  await collect(await client.responses.create({ ...question, prompt_cache_key: "thread-1" }));
  await collect(await client.responses.create({ ...question, input: "and yesterday?" }));

  expect(standIn.requests[0]?.body.prompt_cache_key).toBe("thread-1");
  expect(standIn.requests[0]?.headers.authorization).toBe("Bearer sk-test");
  expect((await second).body.input).toBe("and yesterday?");
});

test("the first request on a connection may have begun when the connection was opened, the next one when it arrived", async () => {
  const { client, standIn } = await start([says("one"), says("two")]);
  const { hostname, port } = new URL(standIn.url);
  const body = JSON.stringify(question);
  const text = [
    "POST /v1/responses HTTP/1.1",
    `host: ${hostname}`,
    "authorization: Bearer sk-test",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  // Connections are accepted in their order.
  await client.models.list();
  const openedBy = await nextMillisecond();

  socket.resume().write(text);
  const first = await standIn.waitForRequest(1);
  const askedAgainAt = await nextMillisecond();
  socket.write(text);
  const second = await standIn.waitForRequest(2);
  socket.destroy();

  expect(first.startedAtMs).toBeLessThan(openedBy);
  expect(second.startedAtMs).toBeGreaterThanOrEqual(askedAgainAt);
});

/** Waits until the clock shows another millisecond, and returns that. */
async function nextMillisecond(): Promise<number> {
  const now = Date.now();
  while (Date.now() === now) await setImmediate();
  return Date.now();
}

test("closing ends an open response without recording it as aborted", async () => {
  const { client, standIn } = await start([fails({ kind: "silence" }, { kind: "text", text: ["Oat"] })]);
  const reading = collect(await client.responses.create(question));

  await standIn.close();

  await expect(reading).rejects.toThrow();
  expect(standIn.requests[0]?.aborted).toBe(false);
  await expect(standIn.waitForRequest(2)).rejects.toThrow("closed");
});

test("without streaming the answer is one JSON object", async () => {
  const { client } = await start([says("All good.")]);

  const response = await client.responses.create({ ...question, stream: false });

  expect(response.status).toBe("completed");
  expect(response.output_text).toBe("All good.");
});

test("the API key is checked if one is configured, and the models are listed", async () => {
  const { client, standIn } = await start([says("x")], { apiKey: "sk-right" });
  const right = new OpenAI({ baseURL: standIn.url, apiKey: "sk-right", maxRetries: 0 });

  const models = await Array.fromAsync(await right.models.list());

  expect(models.map((model) => model.id)).toEqual(["gpt-6-luna"]);
  await expect(client.responses.create(question)).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
  await expect(client.models.list()).rejects.toMatchObject({ status: 401 });
});

test("with pacing every piece still arrives", async () => {
  const { client } = await start([says("one two three four")], { pacing: { firstTokenMs: 1, tokensPerSecond: 1_000 } });

  const events = await collect(await client.responses.create(question));

  expect(textOf(events)).toBe("one two three four");
  expect(events.at(-1)?.type).toBe("response.completed");
});
