import { type Client, type ClientOptions, createClient } from "graphql-sse";
import { afterEach, expect, test } from "vitest";
import { type Activity, createEventLog, type EventLog, SUBSCRIPTION } from "./subscription.ts";
import { headers, perform, seeded, url } from "./test-api.ts";

const clients: Client[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.dispose();
});

function connect(options: Partial<ClientOptions> = {}): Client {
  // No pause between attempts. A dashboard uses the default `retry`, which backs off.
  const client = createClient({ url, headers: () => headers, retry: async () => undefined, ...options });
  clients.push(client);
  return client;
}

/**
 * Subscribes to a thread and reconnects as often as needed. The library sends the current variables with each attempt. They
 * include the last cursor, so each attempt continues after the last event.
 */
function follow(client: Client, threadId: string, log: EventLog) {
  const variables: { threadId: string; after?: string } = { threadId };
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const stop = client.subscribe<{ threadActivity: Activity }>(
    { query: SUBSCRIPTION, variables },
    {
      next({ data }) {
        if (!data) return;
        variables.after = data.threadActivity.cursor;
        log.add(data.threadActivity);
      },
      error: reject,
      complete: resolve,
    },
  );
  return { stop, ended };
}

function quietThread(number: number): string {
  return seeded.quietThreadIds[number] ?? "";
}

test("a client that is cut off repeatedly continues from its last cursor: each message once, in order", async () => {
  const threadId = quietThread(2);
  const log = createEventLog();
  let connections = 0;
  const countConnection = () => {
    connections += 1;
  };
  const { stop, ended } = follow(connect({ on: { connected: countConnection } }), threadId, log);
  await log.until(({ length }) => length > 0);

  const said = Array.from({ length: 24 }, (_, index) => `message ${index + 1}`);
  for (const [index, text] of said.entries()) {
    await perform("say", { threadId, text });
    // No waiting for the client: it may be between two messages, or not reconnected yet.
    if (index % 6 === 3) await perform("cut");
  }
  await log.until(() => log.texts().includes("message 24"));
  stop();
  await ended;

  expect(log.texts()).toEqual(said);
  expect(connections).toBeGreaterThan(1);
  expect(log.events.filter(({ __typename }) => __typename === "ActivityStarted")).toHaveLength(1);
});

test("an answer that grows while the client is disconnected comes as the missing piece", async () => {
  const threadId = quietThread(3);
  const { runId } = await perform("beginRun", { threadId });
  await perform("write", { runId, offset: 0, text: "Two products" });
  const log = createEventLog();
  const gate = Promise.withResolvers<void>();
  follow(connect({ retry: () => gate.promise }), threadId, log);
  await log.until(({ length }) => length > 0);

  await perform("cut");
  await perform("write", { runId, offset: 12, text: " are" });
  await perform("write", { runId, offset: 16, text: " out." });
  gate.resolve();
  await log.until((events) => events.some(({ delta }) => delta !== undefined));

  expect(log.events).toMatchObject([
    { __typename: "ActivityStarted", repliesInProgress: [{ text: "Two products", run: { id: runId } }] },
    { __typename: "ReplyText", run: { id: runId }, offset: 12, delta: " are out." },
  ]);
});

test("several subscriptions of one client have one connection each, and end independently", async () => {
  const client = connect();
  const [first, second] = [createEventLog(), createEventLog()];
  const { stop, ended } = follow(client, quietThread(0), first);
  follow(client, quietThread(1), second);
  await Promise.all([first, second].map((log) => log.until(({ length }) => length > 0)));

  stop();
  await ended;
  await perform("say", { threadId: quietThread(0), text: "to nobody" });
  await perform("say", { threadId: quietThread(1), text: "to the second" });
  await second.until(() => second.texts().length > 0);

  expect(second.texts()).toEqual(["to the second"]);
  expect(first.texts()).toEqual([]);
});

test("an invalid token is refused with 401", async () => {
  const stranger = connect({ headers: { authorization: "Bearer nobody" }, retryAttempts: 0 });

  const { ended } = follow(stranger, quietThread(0), createEventLog());

  await expect(ended).rejects.toMatchObject({ response: { status: 401 } });
});

test("an invalid cursor gets an error that says what to do, then the stream ends", async () => {
  const variables = { threadId: quietThread(0), after: "not-a-cursor" };
  const results = [];

  for await (const result of connect().iterate({ query: SUBSCRIPTION, variables })) results.push(result);

  expect(results).toMatchObject([
    { errors: [{ message: "'after' is not a cursor of this subscription: use the cursor of an event" }] },
  ]);
});
