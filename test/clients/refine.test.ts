import type { BaseRecord } from "@refinedev/core";
import { Client, fetchExchange, gql } from "@urql/core";
import { expect, test } from "vitest";
import { createRefineDataProvider } from "./refine-mapping.ts";
import { headers, seeded, url } from "./test-api.ts";

const THREADS = {
  gqlQuery: gql`query ($filter: ThreadFilter, $orderBy: ThreadOrder, $first: Int, $after: String) {
    threads(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
      nodes { id title status createdAt lastActivityAt messageCount } totalCount pageInfo { endCursor }
    }
  }`,
};

const MESSAGES = {
  gqlQuery: gql`query ($filter: MessageFilter, $orderBy: MessageOrder, $first: Int, $after: String) {
    messages(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
      nodes { id text } totalCount pageInfo { endCursor }
    }
  }`,
};

function start(authorization = headers) {
  const client = new Client({
    url,
    exchanges: [fetchExchange],
    fetchOptions: { headers: authorization },
    preferGetMethod: false,
  });
  // Refine's types require urql 5; the current version works at run time.
  return createRefineDataProvider(client as unknown as Parameters<typeof createRefineDataProvider>[0]);
}

function titles({ data }: { data: BaseRecord[] }) {
  return data.map(({ title }) => title);
}

test("a list has the seeded fields, and the total of all pages", async () => {
  const { data, total } = await start().getList({ resource: "threads", meta: THREADS });

  expect(total).toBe(seeded.threads.length);
  expect(data).toEqual(
    seeded.threads.slice(0, 10).map(({ id, title, status, createdAt, lastActivityAt }, index) => ({
      ...{ id, title, status, createdAt, lastActivityAt },
      messageCount: index === 0 ? seeded.longThreadTexts.length : 2,
    })),
  );
});

test("pages follow each other, and a page that is opened directly has the same rows", async () => {
  const provider = start();
  const read = (currentPage: number, from = provider) =>
    from.getList({ resource: "threads", pagination: { currentPage, pageSize: 25 }, meta: THREADS });

  const pages = [await read(1), await read(2), await read(3)];
  const bookmarked = await read(3, start());
  const beyond = await read(4);

  expect(pages.flatMap(titles)).toEqual(seeded.threads.map(({ title }) => title));
  expect(bookmarked).toEqual(pages[2]);
  expect(beyond).toEqual({ data: [], total: seeded.threads.length });
});

test("sorters and filters are those of the API, and ranges are half-open", async () => {
  const [linh] = seeded.staff;
  const [from, until] = [seeded.threads[40]?.lastActivityAt, seeded.threads[10]?.lastActivityAt];

  const list = await start().getList({
    resource: "threads",
    filters: [
      { field: "status", operator: "eq", value: "CLOSED" },
      { field: "staffMemberId", operator: "eq", value: linh?.id },
      { field: "lastActivity", operator: "gte", value: from },
      { field: "lastActivity", operator: "lt", value: until },
    ],
    sorters: [{ field: "createdAt", order: "asc" }],
    pagination: { pageSize: 50 },
    meta: THREADS,
  });

  const expected = seeded.threads
    .slice(11, 41)
    .filter(({ status, staffMemberId }) => status === "CLOSED" && staffMemberId === linh?.id)
    .toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
  expect(titles(list)).toEqual(expected.map(({ title }) => title));
  expect(list.total).toBe(expected.length);
  expect(expected.length).toBeGreaterThan(5);
});

test("a search in the messages of one thread is an ordinary list", async () => {
  const { data } = await start().getList({
    resource: "messages",
    filters: [
      { field: "threadId", operator: "eq", value: seeded.threads[0]?.id },
      { field: "text", operator: "contains", value: "message 45" },
    ],
    meta: MESSAGES,
  });

  expect(data.map(({ text }) => text)).toEqual([seeded.longThreadTexts[44]]);
});

test("one record is read by its id, and several by their ids, in their order", async () => {
  const provider = start();
  const wanted = [seeded.threads[50], seeded.threads[3]].flatMap((thread) => thread ?? []);
  const ids = wanted.map(({ id }) => id);

  const one = await provider.getOne({
    resource: "threads",
    id: ids[0] ?? "",
    meta: { gqlQuery: gql`query ($id: ID!) { thread(id: $id) { id title } }` },
  });
  const many = await provider.getMany?.({
    resource: "threads",
    ids,
    meta: { gqlQuery: gql`query ($filter: [ID!]!) { threads: nodes(ids: $filter) { id ... on Thread { title } } }` },
  });

  expect(one.data).toMatchObject({ id: ids[0], title: wanted[0]?.title });
  expect(many?.data).toMatchObject(wanted.map(({ id, title }) => ({ id, title })));
});

test("unsupported operations fail before a request, and refusals show the API's message", async () => {
  const provider = start();
  const list = { resource: "threads", meta: THREADS };

  await expect(
    provider.getList({ ...list, filters: [{ field: "title", operator: "ne", value: "x" }] }),
  ).rejects.toThrow("The admin API has no filter 'ne'");
  await expect(provider.getList({ ...list, pagination: { mode: "off" } })).rejects.toThrow("at most 100 rows");
  await expect(provider.getList({ ...list, pagination: { pageSize: 101 } })).rejects.toThrow("must be from 1 to 100");
  await expect(start({ authorization: "Bearer nobody" }).getList(list)).rejects.toThrow(
    "A valid admin token is required",
  );
});
