import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { publish } from "../../../src/db/notify/notify.ts";
import type { ActivityHub } from "../../../src/graphql/live/activity-hub.ts";
import { MAX_WAITING } from "../../../src/graphql/live/bounded-queue.ts";
import { startHttpServer } from "../../../src/http/server.ts";
import { insertMessages, insertThread } from "../../support/conversations.ts";
import { ADMIN_TOKEN, type AdminClient, startAdminApi } from "../admin-client.ts";
import { readEvents, type Subscriber, subscribe } from "./subscriber.ts";

let admins: AdminClient;
beforeEach(async () => {
  admins = await startAdminApi();
});
afterEach(() => admins.close());

const SUBSCRIPTION = `subscription ($after: String) { activity(filter: { types: [MESSAGE_ADDED] }, after: $after) { __typename
  ... on ActivityStarted { cursor } ... on MessageAdded { cursor message { text thread { chat { title } } } } } }`;

async function say(count: number, first = 1): Promise<string[]> {
  const thread = await insertThread(admins.db);
  const texts = Array.from({ length: count }, (_, index) => `${first + index}`);
  await insertMessages(admins.db, thread.id, texts);
  await publish(admins.db, { type: "run-queued", runId: "x" });
  return texts;
}

/** Reads until the server ends the stream: the texts, the last cursor, and the code of the error that ended it. */
async function readToEnd(subscriber: Subscriber) {
  const texts: string[] = [];
  let cursor: string | undefined;
  for (let result = await subscriber.next(); result; result = await subscriber.next()) {
    if (result.errors) return { texts, cursor, code: result.errors[0]?.extensions.code };
    cursor = result.data.activity.cursor;
    if (result.data.activity.message) texts.push(result.data.activity.message.text);
  }
  return { texts, cursor, code: undefined };
}

test("a client that does not read is dropped with an error, and misses nothing when it resumes from its cursor", async () => {
  const slow = await subscribe(admins, SUBSCRIPTION);
  const quick = await subscribe(admins, SUBSCRIPTION);
  await slow.event();
  await quick.event();
  const received: string[] = [];
  const reading = (async () => {
    while (received.length < MAX_WAITING * 2) received.push((await quick.event()).message.text);
  })();

  const said: string[] = [];
  for (let first = 1; first <= MAX_WAITING * 2; first += 250) said.push(...(await say(250, first)));
  await reading;

  const { texts, cursor, code } = await readToEnd(slow);
  const back = await subscribe(admins, SUBSCRIPTION, { variables: { after: cursor } });
  while (texts.length < said.length) texts.push((await back.event()).message.text);
  await Promise.all([back.close(), quick.close()]);
  expect(code).toBe("SUBSCRIBER_TOO_SLOW");
  expect(texts.toSorted()).toEqual(said.toSorted());
  expect(received.toSorted()).toEqual(said.toSorted());
});

test("fifty subscribers with the same document cost as many statements as one", async () => {
  const subscribers = await Promise.all(Array.from({ length: 50 }, () => subscribe(admins, SUBSCRIPTION)));
  await Promise.all(subscribers.map((subscriber) => subscriber.event()));
  admins.statements.length = 0;

  await say(1);
  await Promise.all(subscribers.map((subscriber) => subscriber.event()));

  const read = admins.statements.filter(
    (statement) => statement.includes("select") && !statement.includes("pg_notify"),
  );
  await Promise.all(subscribers.map((subscriber) => subscriber.close()));
  // One statement for the changes, one for their threads, one for the chats. Another poll may come in between.
  const ofThreads = read.filter((statement) => statement.includes('"threads"."id" = any('));
  const ofChats = read.filter((statement) => statement.includes('"chats"."id" = any('));
  expect([ofThreads.length, ofChats.length]).toEqual([1, 1]);
});

test("changes in ten threads at once cost as many statements as in one", async () => {
  const subscriber = await subscribe(admins, SUBSCRIPTION);
  await subscriber.event();
  const threads = await Promise.all(Array.from({ length: 10 }, () => insertThread(admins.db)));
  admins.statements.length = 0;

  await admins.db.transaction(async (tx) => {
    for (const { id } of threads) await insertMessages(tx, id, ["hello"]);
    await publish(tx, { type: "run-queued", runId: "x" });
  });
  for (let count = 0; count < 10; count++) await subscriber.event();

  const ofThreads = admins.statements.filter((statement) => statement.includes('"threads"."id" = any('));
  const ofChats = admins.statements.filter((statement) => statement.includes('"chats"."id" = any('));
  await subscriber.close();
  expect([ofThreads.length, ofChats.length]).toEqual([1, 1]);
});

test("a cut database connection loses nothing", async () => {
  const subscriber = await subscribe(admins, SUBSCRIPTION);
  await subscriber.event();

  await cutConnections();
  const said = await say(3);

  const received = [];
  while (received.length < 3) received.push((await subscriber.event()).message.text);
  await subscriber.close();
  expect(received.toSorted()).toEqual(said);
});

test("a subscriber with a revoked token gets an error and nothing more; others continue", async () => {
  const strict = await startAdminApi({ shared: admins.testDatabase, tokenCheckMs: 0 });
  const { createAdminToken } = await strict.query(
    'mutation { createAdminToken(input: { name: "dashboard" }) { token adminToken { id } } }',
  );
  const dashboard = await subscribe(strict, SUBSCRIPTION, { token: createAdminToken.token });
  const other = await subscribe(strict, SUBSCRIPTION);
  await dashboard.event();
  await other.event();

  await strict.query("mutation ($id: ID!) { revokeAdminToken(input: { id: $id }) { adminToken { status } } }", {
    id: createAdminToken.adminToken.id,
  });
  const result = await dashboard.next();
  await say(1);

  expect(result?.errors?.[0]?.extensions.code).toBe("UNAUTHENTICATED");
  expect(await dashboard.next()).toBeUndefined();
  expect((await other.event()).message.text).toBe("1");
  await other.close();
  await strict.close();
});

test("a server that shuts down ends subscriptions with an error", async () => {
  const subscriber = await subscribe(admins, SUBSCRIPTION);
  await subscriber.event();

  await admins.activity.close();

  const result = await subscriber.next();
  const later = await subscribe(admins, SUBSCRIPTION);
  expect(result?.errors?.[0]?.extensions.code).toBe("SHUTTING_DOWN");
  expect(await subscriber.next()).toBeUndefined();
  expect((await later.next())?.errors?.[0]?.extensions.code).toBe("SHUTTING_DOWN");
});

test("the server stops listening when the last client leaves, and starts again with the next one", async () => {
  const server = await serve();
  const gone = await subscribeOverHttp(server);
  await gone.event();
  expect(await countListeners()).toBe(1);

  await gone.close();
  await expect.poll(countListeners).toBe(0);

  const next = await subscribeOverHttp(server);
  await next.event();
  await say(1);
  expect((await next.event()).message.text).toBe("1");
  await next.close();
  server.closeAllConnections();
  server.close();
});

test.each(["application/json", "application/graphql-response+json", "multipart/mixed"])(
  "a client that accepts only %s is refused, and no subscription stays",
  async (accept) => {
    const response = await admins.api.fetch("http://localhost/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept, authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ query: SUBSCRIPTION }),
    });

    expect(response.status).toBe(406);
    await expect.poll(countListeners).toBe(0);
  },
);

test("a client that disconnects before its stream begins leaves no subscription", async () => {
  const asked = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const held: ActivityHub = {
    ...admins.activity,
    async subscribe(subscription) {
      const subscriber = await admins.activity.subscribe(subscription);
      asked.resolve();
      await gone.promise;
      return subscriber;
    },
  };
  const slow = await startAdminApi({ shared: admins.testDatabase, activity: held });
  const server = await serve(slow.api);
  server.once("request", (_, response) => response.once("close", gone.resolve));
  const abort = new AbortController();
  const subscribing = subscribeOverHttp(server, abort);
  await asked.promise;
  const whileHeld = await countListeners();

  abort.abort();

  await expect(subscribing).rejects.toThrow();
  await expect.poll(countListeners).toBe(0);
  expect(whileHeld).toBe(1);
  server.close();
  await slow.close();
});

test("a client that stops reading is disconnected", async () => {
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    // Long enough for the first bytes on a busy machine: before them the connection is idle, too.
    idleTimeoutMs: 1_000,
    onError: () => undefined,
  });
  server.serve({
    isReady: () => true,
    graphql: admins.api,
    graphiql: () => false,
    metrics: () => undefined,
    webhook: null,
    sandbox: null,
  });
  const { port } = new URL(server.address);
  const client = connect(Number(port), "127.0.0.1");
  const body = JSON.stringify({ query: SUBSCRIPTION });
  client.write(
    `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN_TOKEN}\r\naccept: text/event-stream\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  // Reads the first bytes and then stops. Further bytes stay in the buffers of both ends until these are full.
  await new Promise((resolve) => client.once("data", resolve));
  client.pause();
  await expect.poll(countListeners).toBe(1);

  // 30 MB, in statements that a busy machine completes before the driver's timeout.
  for (let part = 0; part < 10; part++) {
    const thread = await insertThread(admins.db);
    await insertMessages(admins.db, thread.id, Array(30).fill("x".repeat(100_000)));
  }

  await expect.poll(countListeners).toBe(0);
  client.destroy();
  await server.close();
});

async function serve(api = admins.api): Promise<Server> {
  const server = createServer(api).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return server;
}

async function subscribeOverHttp(server: Server, abort = new AbortController()): Promise<Subscriber> {
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      authorization: `Bearer ${ADMIN_TOKEN}`,
    },
    body: JSON.stringify({ query: SUBSCRIPTION }),
    signal: abort.signal,
  });
  return { ...readEvents(response), close: async () => abort.abort() };
}

async function countListeners(): Promise<number> {
  const [row] = await admins.db.execute<{ count: number }>(sql`select count(*)::integer as count from pg_stat_activity
    where datname = current_database() and application_name = 'counterhand listener'`);
  return row?.count ?? 0;
}

async function cutConnections(): Promise<void> {
  await admins.db.execute(sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`);
}
