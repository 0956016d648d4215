import { Client, type CombinedError, cacheExchange, fetchExchange, gql } from "@urql/core";
import { afterEach, expect, test } from "vitest";
import { type Activity, createEventLog, type EventLog, SUBSCRIPTION } from "./subscription.ts";
import { headers, perform, seeded, url } from "./test-api.ts";

const PAGE = gql`query ($after: String) {
  threads(first: 20, after: $after, orderBy: { field: CREATED_AT, direction: ASC }) {
    nodes { id title status } pageInfo { endCursor hasNextPage }
  }
}`;

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function connect(authorization = headers) {
  return new Client({
    url,
    exchanges: [cacheExchange, fetchExchange],
    fetchOptions: { headers: authorization },
    fetchSubscriptions: true,
    // The API refuses GET (CSRF protection).
    preferGetMethod: false,
  });
}

/** Subscribes to a thread. `broken` resolves with the error when the connection breaks. */
function follow(client: Client, threadId: string, log: EventLog) {
  const { promise: broken, resolve } = Promise.withResolvers<CombinedError>();
  const { unsubscribe } = client
    .subscription<{ threadActivity: Activity }>(SUBSCRIPTION, { threadId, after: log.lastCursor() })
    .subscribe(({ data, error }) => {
      if (error) resolve(error);
      else if (data) log.add(data.threadActivity);
    });
  stops.push(unsubscribe);
  return { broken };
}

function quietThread(number: number): string {
  return seeded.quietThreadIds[number] ?? "";
}

test("a list is read page by page with cursors, from the first row to the last", async () => {
  const client = connect();
  const rows: object[] = [];

  for (let after: string | null = null, goesOn = true; goesOn; ) {
    const { threads } = await read(client, after);
    rows.push(...threads.nodes);
    after = threads.pageInfo.endCursor;
    goesOn = threads.pageInfo.hasNextPage;
  }

  const oldestFirst = seeded.threads.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
  expect(rows).toMatchObject(oldestFirst.map(({ id, title, status }) => ({ id, title, status })));
});

async function read(client: Client, after: string | null) {
  const { data, error } = await client.query(PAGE, { after });
  if (error) throw error;
  return data;
}

test("a page comes from urql's cache the second time, and from the server on request", async () => {
  const client = connect();

  const first = await client.query(PAGE, {});
  const again = await client.query(PAGE, {});
  const anew = await client.query(PAGE, {}, { requestPolicy: "network-only" });

  expect(again.data).toBe(first.data);
  expect(anew.data).not.toBe(first.data);
  expect(anew.data).toEqual(first.data);
});

test("a subscriber sees a thread grow: question, run, tool call, pieces of the answer, the whole answer", async () => {
  const threadId = quietThread(0);
  const log = createEventLog();
  follow(connect(), threadId, log);
  await log.until(({ length }) => length > 0);

  await perform("say", { threadId, text: "what's out?" });
  const { runId } = await perform("beginRun", { threadId });
  await perform("callTool", { threadId, runId });
  await perform("write", { runId, offset: 0, text: "Two " });
  await perform("write", { runId, offset: 4, text: "products 🧋" });
  await log.until((events) => textSoFar(events) === "Two products 🧋");
  await perform("endRun", { threadId, runId, text: "Two products 🧋 are out." });
  await log.until((events) => events.some(({ run }) => run?.status === "COMPLETED"));

  const { events } = log;
  expect(events[0]).toMatchObject({ __typename: "ActivityStarted", repliesInProgress: [] });
  expect(log.texts()).toEqual(["what's out?", "Two products 🧋 are out."]);
  expect(events.find(({ toolCall }) => toolCall)?.toolCall).toMatchObject({
    name: "CheckOutOfStock",
    status: "SUCCEEDED",
    output: { products: 2 },
  });
  expect(events.findLast(({ run }) => run?.status)?.run).toEqual({ id: runId, status: "COMPLETED" });
});

function textSoFar(events: readonly Activity[]): string {
  return events.reduce((text, { offset, delta }) => (delta === undefined ? text : text.slice(0, offset) + delta), "");
}

test("after a cut, the last cursor brings all later messages, without gaps or duplicates", async () => {
  const threadId = quietThread(1);
  const client = connect();
  const log = createEventLog();
  const { broken } = follow(client, threadId, log);
  await log.until(({ length }) => length > 0);
  await say(threadId, "seen 1", "seen 2");
  await log.until(() => log.texts().length === 2);

  await perform("cut");
  const error = await broken;
  await say(threadId, "missed 1", "missed 2");
  follow(client, threadId, log);
  await log.until(() => log.texts().length === 4);
  await say(threadId, "after");
  await log.until(() => log.texts().includes("after"));

  expect(error.networkError).toBeDefined();
  expect(log.texts()).toEqual(["seen 1", "seen 2", "missed 1", "missed 2", "after"]);
  expect(log.events.filter(({ __typename }) => __typename === "ActivityStarted")).toHaveLength(1);
});

async function say(threadId: string, ...texts: string[]): Promise<void> {
  for (const text of texts) await perform("say", { threadId, text });
}

test("an invalid token is refused with a code, for a query and for a subscription", async () => {
  const stranger = connect({ authorization: "Bearer nobody" });

  const asked = await stranger.query(PAGE, {});
  const { broken } = follow(stranger, quietThread(0), createEventLog());
  const refused = await broken;

  expect(asked.error?.graphQLErrors.map(({ extensions }) => extensions.code)).toEqual(["UNAUTHENTICATED"]);
  expect(refused.graphQLErrors.map(({ extensions }) => extensions.code)).toEqual(["UNAUTHENTICATED"]);
});
