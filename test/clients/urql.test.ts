import { Client, type CombinedError, cacheExchange, fetchExchange, gql } from "@urql/core";
import { afterEach, expect, test } from "vitest";
import { type Activity, createFollowed, FOLLOW, type Followed } from "./subscription.ts";
import { happen, headers, seeded, url } from "./test-api.ts";

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
    // By GET otherwise, which the API refuses (against forged requests).
    preferGetMethod: false,
  });
}

/** Follows a thread until the connection breaks: then `broken` resolves, with how. */
function follow(client: Client, threadId: string, followed: Followed) {
  const { promise: broken, resolve } = Promise.withResolvers<CombinedError>();
  const { unsubscribe } = client
    .subscription<{ threadActivity: Activity }>(FOLLOW, { threadId, after: followed.lastCursor() })
    .subscribe(({ data, error }) => {
      if (error) resolve(error);
      else if (data) followed.add(data.threadActivity);
    });
  stops.push(unsubscribe);
  return { broken };
}

function quietThread(number: number): string {
  return seeded.quietThreadIds[number] ?? "";
}

test("a list is read page by page by its cursors, from the first row to the last", async () => {
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

test("a page that was read already comes from urql's cache, and is read anew when asked for", async () => {
  const client = connect();

  const first = await client.query(PAGE, {});
  const again = await client.query(PAGE, {});
  const anew = await client.query(PAGE, {}, { requestPolicy: "network-only" });

  expect(again.data).toBe(first.data);
  expect(anew.data).not.toBe(first.data);
  expect(anew.data).toEqual(first.data);
});

test("a thread is seen to grow: question, run, tool call, the answer's text piece by piece, the whole answer", async () => {
  const threadId = quietThread(0);
  const followed = createFollowed();
  follow(connect(), threadId, followed);
  await followed.until(({ length }) => length > 0);

  await happen("say", { threadId, text: "what's out?" });
  const { runId } = await happen("beginRun", { threadId });
  await happen("callTool", { threadId, runId });
  await happen("write", { runId, offset: 0, text: "Two " });
  await happen("write", { runId, offset: 4, text: "products 🧋" });
  await followed.until((events) => textSoFar(events) === "Two products 🧋");
  await happen("endRun", { threadId, runId, text: "Two products 🧋 are out." });
  await followed.until((events) => events.some(({ run }) => run?.status === "COMPLETED"));

  const { events } = followed;
  expect(events[0]).toMatchObject({ __typename: "ActivityStarted", repliesInProgress: [] });
  expect(followed.texts()).toEqual(["what's out?", "Two products 🧋 are out."]);
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

test("after a cut, the last cursor brings what was missed and what follows: no gap, nothing twice", async () => {
  const threadId = quietThread(1);
  const client = connect();
  const followed = createFollowed();
  const { broken } = follow(client, threadId, followed);
  await followed.until(({ length }) => length > 0);
  await say(threadId, "seen 1", "seen 2");
  await followed.until(() => followed.texts().length === 2);

  await happen("cut");
  const error = await broken;
  await say(threadId, "missed 1", "missed 2");
  follow(client, threadId, followed);
  await followed.until(() => followed.texts().length === 4);
  await say(threadId, "after");
  await followed.until(() => followed.texts().includes("after"));

  expect(error.networkError).toBeDefined();
  expect(followed.texts()).toEqual(["seen 1", "seen 2", "missed 1", "missed 2", "after"]);
  expect(followed.events.filter(({ __typename }) => __typename === "ActivityStarted")).toHaveLength(1);
});

async function say(threadId: string, ...texts: string[]): Promise<void> {
  for (const text of texts) await happen("say", { threadId, text });
}

test("a token that is not valid is refused with its code, for a query and for a subscription", async () => {
  const stranger = connect({ authorization: "Bearer nobody" });

  const asked = await stranger.query(PAGE, {});
  const { broken } = follow(stranger, quietThread(0), createFollowed());
  const followed = await broken;

  expect(asked.error?.graphQLErrors.map(({ extensions }) => extensions.code)).toEqual(["UNAUTHENTICATED"]);
  expect(followed.graphQLErrors.map(({ extensions }) => extensions.code)).toEqual(["UNAUTHENTICATED"]);
});
