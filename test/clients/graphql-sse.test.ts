import { type Client, type ClientOptions, createClient } from "graphql-sse";
import { afterEach, expect, test } from "vitest";
import { type Activity, createFollowed, FOLLOW, type Followed } from "./subscription.ts";
import { happen, headers, seeded, url } from "./test-api.ts";

const clients: Client[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.dispose();
});

function connect(options: Partial<ClientOptions> = {}): Client {
  // Without a wait between two attempts: a dashboard leaves `retry` to the library, which waits longer each time.
  const client = createClient({ url, headers: () => headers, retry: async () => undefined, ...options });
  clients.push(client);
  return client;
}

/**
 * Follows a thread, over as many connections as it takes. The library sends the variables as they are at each attempt: with
 * the last cursor among them, an attempt goes on where the one before was cut.
 */
function follow(client: Client, threadId: string, followed: Followed) {
  const variables: { threadId: string; after?: string } = { threadId };
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const stop = client.subscribe<{ threadActivity: Activity }>(
    { query: FOLLOW, variables },
    {
      next({ data }) {
        if (!data) return;
        variables.after = data.threadActivity.cursor;
        followed.add(data.threadActivity);
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

test("a client that is cut off time and again goes on from its last cursor: each message once, in order", async () => {
  const threadId = quietThread(2);
  const followed = createFollowed();
  let connections = 0;
  const countConnection = () => {
    connections += 1;
  };
  const { stop, ended } = follow(connect({ on: { connected: countConnection } }), threadId, followed);
  await followed.until(({ length }) => length > 0);

  const said = Array.from({ length: 24 }, (_, index) => `message ${index + 1}`);
  for (const [index, text] of said.entries()) {
    await happen("say", { threadId, text });
    // Nobody waits for the client here: it may be anywhere between two messages, or not back yet.
    if (index % 6 === 3) await happen("cut");
  }
  await followed.until(() => followed.texts().includes("message 24"));
  stop();
  await ended;

  expect(followed.texts()).toEqual(said);
  expect(connections).toBeGreaterThan(1);
  expect(followed.events.filter(({ __typename }) => __typename === "ActivityStarted")).toHaveLength(1);
});

test("an answer that grows while the client is away comes back as the piece that is missing", async () => {
  const threadId = quietThread(3);
  const { runId } = await happen("beginRun", { threadId });
  await happen("write", { runId, offset: 0, text: "Two products" });
  const followed = createFollowed();
  const gate = Promise.withResolvers<void>();
  follow(connect({ retry: () => gate.promise }), threadId, followed);
  await followed.until(({ length }) => length > 0);

  await happen("cut");
  await happen("write", { runId, offset: 12, text: " are" });
  await happen("write", { runId, offset: 16, text: " out." });
  gate.resolve();
  await followed.until((events) => events.some(({ delta }) => delta !== undefined));

  expect(followed.events).toMatchObject([
    { __typename: "ActivityStarted", repliesInProgress: [{ text: "Two products", run: { id: runId } }] },
    { __typename: "ReplyText", run: { id: runId }, offset: 12, delta: " are out." },
  ]);
});

test("several subscriptions of one client have a connection each, and end one by one", async () => {
  const client = connect();
  const [first, second] = [createFollowed(), createFollowed()];
  const { stop, ended } = follow(client, quietThread(0), first);
  follow(client, quietThread(1), second);
  await Promise.all([first, second].map((followed) => followed.until(({ length }) => length > 0)));

  stop();
  await ended;
  await happen("say", { threadId: quietThread(0), text: "to nobody" });
  await happen("say", { threadId: quietThread(1), text: "to the second" });
  await second.until(() => second.texts().length > 0);

  expect(second.texts()).toEqual(["to the second"]);
  expect(first.texts()).toEqual([]);
});

test("a token that is not valid is refused with 401", async () => {
  const stranger = connect({ headers: { authorization: "Bearer nobody" }, retryAttempts: 0 });

  const { ended } = follow(stranger, quietThread(0), createFollowed());

  await expect(ended).rejects.toMatchObject({ response: { status: 401 } });
});

test("a cursor that is none is answered with words that say what to do, and the end", async () => {
  const variables = { threadId: quietThread(0), after: "not-a-cursor" };
  const results = [];

  for await (const result of connect().iterate({ query: FOLLOW, variables })) results.push(result);

  expect(results).toMatchObject([
    { errors: [{ message: "'after' is not a cursor of this subscription: use the cursor of an event" }] },
  ]);
});
