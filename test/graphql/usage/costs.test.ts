import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findThreadCosts, runCostsOver, threadCostsOver } from "../../../src/db/queries/admin/costs.ts";
import { runs, threads } from "../../../src/db/schema/index.ts";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import { parseDecimal } from "../../../src/graphql/types/decimal.ts";
import { costOf, type ModelPrice, PRICES } from "../../../src/model-prices.ts";
import { insertRun, insertThread } from "../../support/conversations.ts";
import { fc } from "../../support/property.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

const NOVEMBER = new Date("2026-11-24T08:00:00Z");
const LUNA = { model: "gpt-6-luna", queuedAt: NOVEMBER };

/** The price rises in December. */
const DATED: ModelPrice[] = [
  { model: "luna", from: "2026-11-01", inputUsd: "0.15", cachedInputUsd: "0.015", outputUsd: "0.6" },
  { model: "luna", from: "2026-12-01", inputUsd: "0.25", cachedInputUsd: "0.025001", outputUsd: "1" },
  { model: "sol", from: "2026-12-01", inputUsd: "3", cachedInputUsd: "0.3", outputUsd: "12" },
];

async function addThread(...values: Partial<typeof runs.$inferInsert>[]) {
  const thread = await insertThread(admins.db);
  for (const [index, each] of values.entries()) {
    await insertRun(admins.db, { threadId: thread.id, position: index + 1, ...each });
  }
  return thread;
}

test("a run is priced by its model, cached tokens at their own price, exactly", async () => {
  const thread = await addThread({ ...LUNA, inputTokens: 1_234, cachedInputTokens: 1_024, outputTokens: 77 });

  const { runs: found } = await costsOf(thread.id);

  // 210 x 0.1 + 1,024 x 0.01 + 77 x 0.5 = 21 + 10.24 + 38.5 millionths
  expect(found.nodes).toEqual([{ cost: "0.00006974" }]);
});

test("a run without a price or without token counts has a null cost, not 0", async () => {
  const tokens = { inputTokens: 1_000, outputTokens: 10 };
  const thread = await addThread(
    { ...tokens, model: "llama4:8b", queuedAt: NOVEMBER },
    { ...tokens, ...LUNA, queuedAt: new Date("2026-10-31T23:59:59Z") },
    { ...LUNA },
    { ...tokens, model: null, queuedAt: NOVEMBER },
    { ...LUNA, inputTokens: 0, outputTokens: 0 },
  );

  const { runs: found, cost } = await costsOf(thread.id);

  expect(found.nodes.map((run: { cost: unknown }) => run.cost)).toEqual(["0", null, null, null, null]);
  // The server of the third run reports no token counts.
  expect(cost).toEqual({ usd: "0", unpricedRuns: 4 });
});

test("a run without a model call costs 0, however it ended", async () => {
  const never = { model: null, queuedAt: NOVEMBER };
  const thread = await addThread(
    { ...never, status: "cancelled" },
    { ...never, status: "failed" },
    { ...never, status: "queued" },
  );

  expect((await costsOf(thread.id)).cost).toEqual({ usd: "0", unpricedRuns: 0 });
});

test("a run without token counts is not free: it counts as unpriced, also with a model without a price", async () => {
  const thread = await addThread(
    { ...LUNA, inputTokens: 0, outputTokens: 2 },
    { ...LUNA },
    { ...LUNA, outputTokens: 1_000 },
    { ...LUNA, inputTokens: 1_000 },
    { model: "llama4:8b", queuedAt: NOVEMBER, status: "failed" },
  );

  expect((await costsOf(thread.id)).cost).toEqual({ usd: "0.000001", unpricedRuns: 4 });
});

test("negative token counts of a server count as 0", async () => {
  const thread = await addThread(
    { ...LUNA, inputTokens: -1_000, cachedInputTokens: -7, outputTokens: 2 },
    { model: "llama4:8b", inputTokens: 5, outputTokens: -5 },
  );

  expect((await costsOf(thread.id)).cost).toEqual({ usd: "0.000001", unpricedRuns: 1 });
});

test("a thread costs the sum of its runs, and shows the number of unpriced runs", async () => {
  const thread = await addThread(
    { ...LUNA, inputTokens: 1_000_000, cachedInputTokens: 5_000_000, outputTokens: 1 },
    { ...LUNA, inputTokens: 3, outputTokens: 2_000_000 },
    { model: "llama4:8b", inputTokens: 5, outputTokens: 5 },
  );
  const empty = await insertThread(admins.db);

  // 10,000.5 + 1,000,000.3 millionths; never more cached than came in.
  expect((await costsOf(thread.id)).cost).toEqual({ usd: "1.0100008", unpricedRuns: 1 });
  expect((await costsOf(empty.id)).cost).toEqual({ usd: "0", unpricedRuns: 0 });
});

test("the costs of many threads take one statement, and those of runs none", async () => {
  admins.statements.length = 0;

  await admins.query("{ threads { nodes { cost { usd unpricedRuns } } } runs { nodes { cost } } }");

  expect(admins.statements).toHaveLength(3);
});

test("the database computes the same cost as the program, for any model, day and tokens", async () => {
  const tokens = fc.option(fc.integer({ min: -5, max: 2_000_000_000 }), { nil: null });
  const days = ["2026-10-31T23:59:59.999Z", "2026-11-01T00:00:00Z", "2026-11-30T23:59:59.999Z", "2026-12-01T00:00:00Z"];
  const run = fc.record({
    model: fc.constantFrom("luna", "sol", "Luna", null),
    queuedAt: fc.constantFrom(...days).map((day) => new Date(day)),
    inputTokens: tokens,
    cachedInputTokens: tokens,
    outputTokens: tokens,
  });

  await fc.assert(
    fc.asyncProperty(run, async (values) => {
      const thread = await addThread(values);

      const [found] = await findThreadCosts(admins.db, [thread.id], DATED);

      const { model, inputTokens, outputTokens, queuedAt } = values;
      const isCounted = inputTokens !== null && outputTokens !== null;
      const cost = isCounted ? costOf(model ?? "", values, queuedAt, DATED) : null;
      const used = (model !== null && !isCounted) || (inputTokens ?? 0) > 0 || (outputTokens ?? 0) > 0;
      expect(found).toEqual({ threadId: thread.id, usd: cost ?? "0", unpricedRuns: cost === null && used ? 1 : 0 });
    }),
    { numRuns: 40 },
  );
});

test("runs and threads are filtered by cost, and unpriced ones do not match", async () => {
  const dear = await addThread({ ...LUNA, inputTokens: 0, outputTokens: 90_000_000 });
  const twice = await addThread(
    { ...LUNA, inputTokens: 0, outputTokens: 41_000_000 },
    { ...LUNA, inputTokens: 0, outputTokens: 41_000_000 },
  );
  await addThread({ model: "llama4:8b", inputTokens: 0, outputTokens: 2_000_000_000 });
  const query = `query ($usd: Decimal!) {
    threads(filter: { costOver: $usd }) { nodes { id } }
    runs(filter: { costOver: $usd }) { nodes { thread { id } } totalCount }
  }`;

  const over41 = await admins.query(query, { usd: "40.9999999" });
  const over20 = await admins.query(query, { usd: 20.4 });
  const over45 = await admins.query(query, { usd: "45" });

  const [dearId, twiceId] = [dear, twice].map(({ id }) => encodeGlobalId("Thread", id));
  expect(over41.threads.nodes.map(idOf).toSorted()).toEqual([dearId, twiceId].toSorted());
  expect(over41.runs.nodes).toEqual([{ thread: { id: dearId } }]);
  expect(over20.runs.totalCount).toBe(3);
  expect(over45).toEqual({ threads: { nodes: [] }, runs: { nodes: [], totalCount: 0 } });
});

test("a filter by cost uses the price of the day", async () => {
  const tokens = { model: "luna", inputTokens: 0, outputTokens: 1_000_000 };
  const before = await addThread({ ...tokens, queuedAt: new Date("2026-11-30T23:59:59.999Z") });
  const after = await addThread({ ...tokens, queuedAt: new Date("2026-12-01T00:00:00Z") });

  const found = await admins.db.select({ id: runs.threadId }).from(runs).where(runCostsOver("0.6", DATED));
  const foundThreads = await admins.db
    .select({ id: threads.id })
    .from(threads)
    .where(sql`${threads.id} in (${before.id}, ${after.id}) and ${threadCostsOver(threads.id, "0.6", DATED)}`);

  expect(found.map(idOf)).toContain(after.id);
  expect(found.map(idOf)).not.toContain(before.id);
  expect(foundThreads.map(idOf)).toEqual([after.id]);
});

test("an empty price table means no costs, and no errors", async () => {
  const thread = await addThread({ ...LUNA, inputTokens: 1, outputTokens: 1 });

  expect(await findThreadCosts(admins.db, [thread.id], [])).toEqual([
    { threadId: thread.id, usd: "0", unpricedRuns: 1 },
  ]);
});

test("the price table is readable, newest price of a model first", async () => {
  const { prices } = await admins.query("{ prices { model from inputUsd cachedInputUsd outputUsd } }");

  expect(prices).toHaveLength(PRICES.length);
  expect(prices).toContainEqual({
    model: "gpt-6-luna",
    from: "2026-11-01",
    inputUsd: "0.1",
    cachedInputUsd: "0.01",
    outputUsd: "0.5",
  });
});

test.each([
  ["0.000123", "0.000123"],
  ["-5", "-5"],
  [3, "3"],
  [0.1, "0.1"],
  [1.5e-7, "0.00000015"],
  [-2e-9, "-0.000000002"],
  ["999999999999999.999999999999999", "999999999999999.999999999999999"],
])("a Decimal is read exactly: %j", (value, text) => {
  expect(parseDecimal(value)).toBe(text);
});

test.each([
  "",
  "1.",
  ".5",
  "1e3",
  "+1",
  "0x10",
  " 1",
  "1\0",
  "١",
  "1000000000000000",
  1e21,
  1e-300,
  Number.NaN,
  true,
  null,
])("an invalid or too large Decimal is refused: %j", (value) => {
  expect(() => parseDecimal(value)).toThrow("A Decimal must be written as");
});

test.each(["threads", "runs"])("a negative cost limit is refused in the filter of %s", async (list) => {
  expect(await admins.refusal(`{ ${list}(filter: { costOver: "-0.01" }) { totalCount } }`)).toEqual(["BAD_USER_INPUT"]);
});

function idOf({ id }: { id: string }): string {
  return id;
}

async function costsOf(threadId: string) {
  const { thread } = await admins.query(
    "query ($id: ID!) { thread(id: $id) { cost { usd unpricedRuns } runs { nodes { cost } } } }",
    { id: encodeGlobalId("Thread", threadId) },
  );
  return thread;
}
