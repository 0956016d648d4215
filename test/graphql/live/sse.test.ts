import { once } from "node:events";
import type { Readable } from "node:stream";
import { type ExecutionResult, GraphQLError } from "graphql";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createEventStream, encodeResult, PING_INTERVAL_MS } from "../../../src/graphql/live/sse.ts";
import { ADMIN_TOKEN, type AdminClient, startAdminApi } from "../admin-client.ts";

const NEVER_MS = 1_000_000;

afterEach(() => {
  vi.useRealTimers();
});

/** An iterator over these results. Records how many were taken, and whether `return()` was called. */
function give(results: readonly ExecutionResult[], { endless = false } = {}) {
  const given = { taken: 0, isEnded: false };
  const iterator: AsyncIterator<ExecutionResult> = {
    async next() {
      const value = results[given.taken];
      if (value === undefined) return endless ? new Promise(() => undefined) : { done: true, value: undefined };
      given.taken += 1;
      return { done: false, value };
    },
    async return() {
      given.isEnded = true;
      return { done: true, value: undefined };
    },
  };
  return Object.assign(given, { iterator });
}

function streamOf(iterator: AsyncIterator<ExecutionResult>, pingIntervalMs = NEVER_MS): Readable {
  return createEventStream(iterator, pingIntervalMs);
}

/** Waits one turn of the event loop, so that everything available is read. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("each result is a `next` event, and the end is `complete`", async () => {
  const { iterator } = give([{ data: { text: "two\nlines" } }, { data: { text: "đồng" } }]);

  const text = Buffer.concat(await streamOf(iterator).toArray()).toString();

  expect(text).toBe(
    [
      ":",
      "",
      "event: next",
      'data: {"data":{"text":"two\\nlines"}}',
      "",
      "event: next",
      'data: {"data":{"text":"đồng"}}',
      "",
      "event: complete",
      "data:",
      "",
      "",
    ].join("\n"),
  );
});

test("results that are ready together are sent in one write", async () => {
  const { iterator } = give([{ data: { n: 1 } }, { data: { n: 2 } }, { data: { n: 3 } }], { endless: true });
  const chunks: string[] = [];

  const stream = streamOf(iterator).on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
  await turn();
  await turn();

  expect(chunks.map((chunk) => chunk.match(/event: next/g)?.length ?? 0)).toEqual([0, 3]);
  stream.destroy();
});

test("a shared result is serialized once, and `extensions.http` is not sent", () => {
  const result = { data: { text: "hello" } };
  const error = new GraphQLError("Too slow", { extensions: { code: "TIMEOUT", http: { status: 504 } } });

  const bytes = encodeResult(result);

  expect(encodeResult(result)).toBe(bytes);
  expect(encodeResult({ errors: [error] }).toString()).toBe(
    'event: next\ndata: {"errors":[{"message":"Too slow","extensions":{"code":"TIMEOUT"}}]}\n\n',
  );
  expect(encodeResult({ errors: [new GraphQLError("No")] }).toString()).toBe(
    'event: next\ndata: {"errors":[{"message":"No"}]}\n\n',
  );
});

test("a client that does not read causes no reading, and gets everything once it reads", async () => {
  const results = Array.from({ length: 2_000 }, (_, n) => ({ data: { n, text: "x".repeat(1_000) } }));
  const given = give(results);
  const stream = streamOf(given.iterator);

  stream.read(0);
  for (let turns = 0; turns < 100; turns++) await turn();
  const takenUnread = given.taken;
  const text = Buffer.concat(await stream.toArray()).toString();

  expect(takenUnread).toBeGreaterThan(0);
  expect(takenUnread).toBeLessThan(300);
  expect(text.match(/"n":\d+/g)).toEqual(results.map(({ data }) => `"n":${data.n}`));
});

test("a disconnect ends the source, even while it is waiting", async () => {
  const given = give([], { endless: true });
  const stream = streamOf(given.iterator).resume();
  await turn();

  stream.destroy();
  await once(stream, "close");

  expect(given.isEnded).toBe(true);
});

test("an error of the source destroys the stream", async () => {
  const failing: AsyncIterator<ExecutionResult> = {
    next: () => Promise.reject(new Error("the source is gone")),
  };

  await expect(streamOf(failing).toArray()).rejects.toThrow("the source is gone");
});

test("an idle stream sends a keep-alive every 12 seconds until the client disconnects", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { iterator } = give([], { endless: true });
  const stream = createEventStream(iterator, PING_INTERVAL_MS);
  const chunks: string[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
  await turn();

  vi.advanceTimersByTime(PING_INTERVAL_MS - 1);
  const early = chunks.length;
  vi.advanceTimersByTime(PING_INTERVAL_MS * 2 + 1);

  expect(early).toBe(1);
  expect(chunks).toEqual([":\n\n", ":\n\n", ":\n\n", ":\n\n"]);
  stream.destroy();
  await once(stream, "close");
  expect(vi.getTimerCount()).toBe(0);
});

test("keep-alives do not pile up for a client that does not read", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { iterator } = give([{ data: { text: "x".repeat(100_000) } }], { endless: true });
  const stream = streamOf(iterator, 1);
  stream.read(0);
  await turn();
  const waiting = stream.readableLength;

  vi.advanceTimersByTime(1_000);

  expect(waiting).toBeGreaterThan(100_000);
  expect(stream.readableLength).toBe(waiting);
  stream.destroy();
});

describe("over the API", () => {
  let admins: AdminClient;
  beforeAll(async () => {
    admins = await startAdminApi({ pingIntervalMs: 5 });
  });
  afterAll(() => admins.close());

  const subscribeAs = (accept: string) =>
    admins.api.fetch("http://localhost/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept, authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ query: "subscription { activity { __typename } }" }),
    });

  test("a subscription is an event stream without caching, buffering or compression, with keep-alives", async () => {
    const response = await subscribeAs("text/event-stream");

    let text = "";
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes("event: next") && text.endsWith(":\n\n")) break;
    }

    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    expect(text.replaceAll(":\n\n", "")).toBe(
      'event: next\ndata: {"data":{"activity":{"__typename":"ActivityStarted"}}}\n\n',
    );
  });

  test.each(["application/json", "application/graphql-response+json", "multipart/mixed", "text/html"])(
    "a client that accepts only %s is told what subscriptions come as",
    async (accept) => {
      const response = await subscribeAs(accept);

      expect(response.status).toBe(406);
      expect(response.headers.get("content-type")).toMatch(/^application\/(graphql-response\+)?json; charset=utf-8$/);
      expect(await response.json()).toEqual({
        errors: [
          {
            message: "Subscriptions come as server-sent events (SSE): send the header 'Accept: text/event-stream'",
            extensions: { code: "NOT_ACCEPTABLE" },
          },
        ],
      });
    },
  );

  test("a client that accepts anything gets events", async () => {
    const response = await subscribeAs("*/*");

    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    await response.body?.cancel();
  });
});
