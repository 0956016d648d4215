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

const FOLLOW = `subscription ($after: String) { activity(filter: { types: [MESSAGE_ADDED] }, after: $after) { __typename
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
  for (let said = await subscriber.next(); said; said = await subscriber.next()) {
    if (said.errors) return { texts, cursor, code: said.errors[0]?.extensions.code };
    cursor = said.data.activity.cursor;
    if (said.data.activity.message) texts.push(said.data.activity.message.text);
  }
  return { texts, cursor, code: undefined };
}

test("whoever does not read is dropped with an error, and misses nothing when they come back with their cursor", async () => {
  const slow = await subscribe(admins, FOLLOW);
  const quick = await subscribe(admins, FOLLOW);
  await slow.event();
  await quick.event();
  const told: string[] = [];
  const reading = (async () => {
    while (told.length < MAX_WAITING * 2) told.push((await quick.event()).message.text);
  })();

  const said: string[] = [];
  for (let first = 1; first <= MAX_WAITING * 2; first += 250) said.push(...(await say(250, first)));
  await reading;

  const { texts, cursor, code } = await readToEnd(slow);
  const back = await subscribe(admins, FOLLOW, { variables: { after: cursor } });
  while (texts.length < said.length) texts.push((await back.event()).message.text);
  await Promise.all([back.close(), quick.close()]);
  expect(code).toBe("SUBSCRIBER_TOO_SLOW");
  expect(texts.toSorted()).toEqual(said.toSorted());
  expect(told.toSorted()).toEqual(said.toSorted());
});

test("fifty who ask the same cost the database as much as one", async () => {
  const subscribers = await Promise.all(Array.from({ length: 50 }, () => subscribe(admins, FOLLOW)));
  await Promise.all(subscribers.map((subscriber) => subscriber.event()));
  admins.statements.length = 0;

  await say(1);
  await Promise.all(subscribers.map((subscriber) => subscriber.event()));

  const read = admins.statements.filter(
    (statement) => statement.includes("select") && !statement.includes("pg_notify"),
  );
  await Promise.all(subscribers.map((subscriber) => subscriber.close()));
  // The rows, one statement for their threads, one for the chats of these; a look more may fall into the time.
  const ofThreads = read.filter((statement) => statement.includes('"threads"."id" = any('));
  const ofChats = read.filter((statement) => statement.includes('"chats"."id" = any('));
  expect([ofThreads.length, ofChats.length]).toEqual([1, 1]);
});

test("ten threads in which something happens at once cost the database as much as one", async () => {
  const subscriber = await subscribe(admins, FOLLOW);
  await subscriber.event();
  const threads = await Promise.all(Array.from({ length: 10 }, () => insertThread(admins.db)));
  admins.statements.length = 0;

  await admins.db.transaction(async (tx) => {
    for (const { id } of threads) await insertMessages(tx, id, ["hello"]);
    await publish(tx, { type: "run-queued", runId: "x" });
  });
  for (let told = 0; told < 10; told++) await subscriber.event();

  const ofThreads = admins.statements.filter((statement) => statement.includes('"threads"."id" = any('));
  const ofChats = admins.statements.filter((statement) => statement.includes('"chats"."id" = any('));
  await subscriber.close();
  expect([ofThreads.length, ofChats.length]).toEqual([1, 1]);
});

test("a database connection that is cut loses nothing", async () => {
  const subscriber = await subscribe(admins, FOLLOW);
  await subscriber.event();

  await cutConnections();
  const said = await say(3);

  const told = [];
  while (told.length < 3) told.push((await subscriber.event()).message.text);
  await subscriber.close();
  expect(told.toSorted()).toEqual(said);
});

test("whoever follows with a token that is revoked is told so and hears no more, others go on", async () => {
  const strict = await startAdminApi({ shared: admins.testDatabase, tokenCheckMs: 0 });
  const { createAdminToken } = await strict.query(
    'mutation { createAdminToken(input: { name: "dashboard" }) { token adminToken { id } } }',
  );
  const dashboard = await subscribe(strict, FOLLOW, { token: createAdminToken.token });
  const other = await subscribe(strict, FOLLOW);
  await dashboard.event();
  await other.event();

  await strict.query("mutation ($id: ID!) { revokeAdminToken(input: { id: $id }) { adminToken { status } } }", {
    id: createAdminToken.adminToken.id,
  });
  const said = await dashboard.next();
  await say(1);

  expect(said?.errors?.[0]?.extensions.code).toBe("UNAUTHENTICATED");
  expect(await dashboard.next()).toBeUndefined();
  expect((await other.event()).message.text).toBe("1");
  await other.close();
  await strict.close();
});

test("a server that stops says so, and where to go on from", async () => {
  const subscriber = await subscribe(admins, FOLLOW);
  await subscriber.event();

  await admins.activity.close();

  const said = await subscriber.next();
  const later = await subscribe(admins, FOLLOW);
  expect(said?.errors?.[0]?.extensions.code).toBe("SHUTTING_DOWN");
  expect(await subscriber.next()).toBeUndefined();
  expect((await later.next())?.errors?.[0]?.extensions.code).toBe("SHUTTING_DOWN");
});

test("when the last client is gone, nobody listens any more; the next one begins anew", async () => {
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
  "a client that takes no events but %s is refused, and nothing follows for it",
  async (accept) => {
    const response = await admins.api.fetch("http://localhost/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept, authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ query: FOLLOW }),
    });

    expect(response.status).toBe(406);
    await expect.poll(countListeners).toBe(0);
  },
);

test("a client that goes before its stream begins leaves nothing behind", async () => {
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

test("a client that takes nothing in any more is disconnected", async () => {
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    idleMs: 300,
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
  const body = JSON.stringify({ query: FOLLOW });
  client.write(
    `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN_TOKEN}\r\naccept: text/event-stream\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  // The first words, and then nothing more: what follows stays in the buffers of the two ends, until they are full.
  await new Promise((resolve) => client.once("data", resolve));
  client.pause();
  await expect.poll(countListeners).toBe(1);

  const thread = await insertThread(admins.db);
  await insertMessages(admins.db, thread.id, Array(300).fill("x".repeat(100_000)));

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
    body: JSON.stringify({ query: FOLLOW }),
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
