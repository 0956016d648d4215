import { readFileSync } from "node:fs";
import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { buildClientSchema, buildSchema, findBreakingChanges } from "graphql";
import buildDataProvider from "ra-data-graphql";
import { expect, test } from "vitest";
import { createReactAdminDataProvider } from "./react-admin-mapping.ts";
import type { SeededThread } from "./seed.ts";
import { headers, perform, seeded, url } from "./test-api.ts";

const NEWEST_FIRST = { field: "lastActivityAt", order: "DESC" } as const;

function connect(authorization = headers) {
  return new ApolloClient({ link: new HttpLink({ uri: url, headers: authorization }), cache: new InMemoryCache() });
}

function start() {
  return createReactAdminDataProvider(connect());
}

function page(number: number, perPage = 25) {
  return { page: number, perPage };
}

function shown({ id, title, status, createdAt, lastActivityAt }: SeededThread) {
  return { id, title, status, createdAt, lastActivityAt };
}

function titles({ data }: { data: { title?: string }[] }) {
  return data.map(({ title }) => title);
}

test("a list has the seeded fields, and the total of all pages", async () => {
  const { data, total } = await start().getList("threads", { pagination: page(1), sort: NEWEST_FIRST, filter: {} });

  expect(total).toBe(seeded.threads.length);
  expect(data).toHaveLength(25);
  expect(data).toMatchObject(seeded.threads.slice(0, 25).map(shown));
});

test("pages follow each other without gaps or duplicates, and the last one is shorter", async () => {
  const provider = start();
  const read = (number: number) =>
    provider.getList("threads", { pagination: page(number), sort: NEWEST_FIRST, filter: {} });

  const pages = [await read(1), await read(2), await read(3)];

  expect(pages.map(({ data }) => data.length)).toEqual([25, 25, 7]);
  expect(pages.flatMap(titles)).toEqual(seeded.threads.map(({ title }) => title));
  expect(pages.map(({ pageInfo }) => pageInfo?.hasNextPage)).toEqual([true, true, false]);
});

test("a page that is opened directly, e.g. from a bookmark, has the same rows", async () => {
  const third = await start().getList("threads", { pagination: page(3), sort: NEWEST_FIRST, filter: {} });
  const beyond = await start().getList("threads", { pagination: page(9), sort: NEWEST_FIRST, filter: {} });

  expect(titles(third)).toEqual(seeded.threads.slice(50).map(({ title }) => title));
  expect(beyond).toMatchObject({ data: [], total: seeded.threads.length });
});

test("a jump over more than one page of the API shows the same rows as single steps", async () => {
  const read = (number: number, provider = start()) =>
    provider.getList("messages", {
      pagination: page(number, 40),
      sort: { field: "createdAt", order: "ASC" },
      filter: {},
    });
  const stepping = start();

  const jumped = await read(4);

  for (const number of [1, 2, 3]) await read(number, stepping);
  expect(jumped.data.length).toBeGreaterThan(30);
  expect(jumped.data).toEqual((await read(4, stepping)).data);
});

test("a column header sorts in both directions, over all pages", async () => {
  const provider = start();
  const read = (number: number, order: "ASC" | "DESC") =>
    provider.getList("threads", { pagination: page(number), sort: { field: "createdAt", order }, filter: {} });

  const rising = [await read(1, "ASC"), await read(2, "ASC")].flatMap(titles);
  const falling = await read(1, "DESC");

  const oldestFirst = seeded.threads
    .toSorted((a, b) => a.createdAt.localeCompare(b.createdAt))
    .map(({ title }) => title);
  expect(rising).toEqual(oldestFirst.slice(0, 50));
  expect(titles(falling)).toEqual(oldestFirst.toReversed().slice(0, 25));
});

test("without a sort the order is the API's default, latest activity first", async () => {
  const { data } = await start().getList("threads", {
    pagination: page(1, 3),
    sort: { field: "id", order: "ASC" },
    filter: {},
  });

  expect(data.map(({ title }) => title)).toEqual(seeded.threads.slice(0, 3).map(({ title }) => title));
});

test("filters combine, and the total counts the matching rows", async () => {
  const [linh] = seeded.staff;
  const from = seeded.threads[40]?.lastActivityAt;
  const filter = { status: "CLOSED", staffMemberId: linh?.id, usedTool: "CheckDailyRevenue", lastActivity: { from } };

  const list = await start().getList("threads", { pagination: page(1), sort: NEWEST_FIRST, filter });

  const expected = seeded.threads
    .slice(0, 41)
    .filter(
      ({ status, staffMemberId, tool }) =>
        [status, staffMemberId, tool].join() === ["CLOSED", linh?.id, "CheckDailyRevenue"].join(),
    );
  expect(titles(list)).toEqual(expected.map(({ title }) => title));
  expect(list.total).toBe(expected.length);
  expect(expected.length).toBeGreaterThan(5);
});

test("a record is read by its id, and one that does not exist is an error", async () => {
  const provider = start();
  const thread = seeded.threads[30];
  const [message] = (await provider.getList("messages", { pagination: page(1, 1), filter: {} })).data;

  const { data } = await provider.getOne("threads", { id: thread?.id ?? "" });
  const again = await provider.getOne("messages", { id: message?.id ?? "" });
  const nobody = Buffer.from("Thread:00000000-0000-7000-8000-000000000000").toString("base64url");

  expect(data).toMatchObject(thread ? shown(thread) : {});
  expect(again.data).toEqual(message);
  await expect(provider.getOne("threads", { id: nobody })).rejects.toThrow("no such row of threads");
});

test("several records are read by their ids, in their order; unknown ids are left out", async () => {
  const wanted = [seeded.threads[50], seeded.threads[3], seeded.threads[20]].flatMap((thread) => thread ?? []);
  const nobody = Buffer.from("Thread:00000000-0000-7000-8000-000000000000").toString("base64url");

  const list = await start().getMany("threads", { ids: [...wanted.map(({ id }) => id), nobody] });
  const staff = await start().getMany("staff", { ids: seeded.staff.map(({ id }) => id) });

  expect(titles(list)).toEqual(wanted.map(({ title }) => title));
  expect(staff.data).toMatchObject(seeded.staff);
});

test("the messages of a thread are a reference list in chronological order, page by page", async () => {
  const provider = start();
  const read = (number: number) =>
    provider.getManyReference("messages", {
      target: "threadId",
      id: seeded.threads[0]?.id ?? "",
      pagination: page(number, 20),
      sort: { field: "createdAt", order: "ASC" },
      filter: {},
    });

  const pages = [await read(1), await read(2), await read(3)];

  expect(pages.flatMap(({ data }) => data.map(({ text }) => text))).toEqual(seeded.longThreadTexts);
  expect(pages.map(({ total }) => total)).toEqual([45, 45, 45]);
});

test("the next page continues after the last one, even if new rows were added at the top", async () => {
  const provider = start();
  const threadId = seeded.quietThreadIds[0] ?? "";
  const read = (number: number) =>
    provider.getManyReference("messages", {
      target: "threadId",
      id: threadId,
      pagination: page(number, 2),
      sort: { field: "createdAt", order: "DESC" },
      filter: {},
    });
  for (const text of ["1", "2", "3", "4"]) await perform("say", { threadId, text });

  const first = await read(1);
  await perform("say", { threadId, text: "5, on top" });
  const second = await read(2);

  expect([first, second].flatMap(({ data }) => data.map(({ text }) => text))).toEqual(["4", "3", "2", "1"]);
});

test("the other lists are read with the fields that the mapping names", async () => {
  const provider = start();
  const [thread] = seeded.threads;
  const reference = { target: "threadId", id: thread?.id ?? "", pagination: page(1), sort: NEWEST_QUEUED, filter: {} };

  const runs = await provider.getManyReference("runs", reference);
  const calls = await provider.getManyReference("toolCalls", {
    ...reference,
    sort: { field: "createdAt", order: "DESC" },
  });
  const failed = await provider.getList("runs", { pagination: page(1, 100), filter: { status: ["FAILED"] } });

  expect(runs.data).toMatchObject([{ status: "FAILED", error: { code: "MODEL_FAILED" }, thread: { id: thread?.id } }]);
  expect(calls.data).toMatchObject([{ name: thread?.tool, status: "SUCCEEDED", run: { id: runs.data[0]?.id } }]);
  expect(failed.total).toBe(seeded.threads.filter(({ hasFailedRuns }) => hasFailedRuns).length);
});

const NEWEST_QUEUED = { field: "queuedAt", order: "DESC" } as const;

test("refusals reach react-admin with the API's message, and a bad token with 401", async () => {
  const provider = start();
  const stranger = createReactAdminDataProvider(connect({ authorization: "Bearer nobody" }));
  const list = { pagination: page(1, 101), filter: {} };

  await expect(provider.getList("threads", list)).rejects.toThrow("'first' must be from 1 to 100");
  await expect(stranger.getList("threads", { ...list, pagination: page(1) })).rejects.toMatchObject({ status: 401 });
});

test("react-admin's introspection query passes the limits, and graphql 16 reads the committed schema from it", async () => {
  const provider = buildDataProvider({ client: connect(), buildQuery: () => refuse });

  const { schema } = await provider.getIntrospection();

  const committed = buildSchema(readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8"));
  expect(findBreakingChanges(committed, buildClientSchema({ __schema: schema }))).toEqual([]);
});

function refuse(): never {
  throw new Error("nothing but the schema is asked for");
}
