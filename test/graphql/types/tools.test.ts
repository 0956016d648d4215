import { afterAll, beforeAll, expect, test } from "vitest";
import type { ToolEntry } from "../../../src/graphql/api-environment.ts";
import { insertRun, insertThread, insertToolCall, instant } from "../../support/conversations.ts";
import { NEW_YORK } from "../../support/shop.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

const PARAMETERS = { type: "object", properties: { date: { type: "string" } }, required: ["date"] };

/** Noon of 24 November in New York. */
const NOW = new Date("2026-11-24T17:00:00Z");

let admins: AdminClient;
beforeAll(async () => {
  const tools = [
    aTool("CheckStock"),
    aTool("CheckSales", { allowedRoles: ["manager", "owner"], parameters: PARAMETERS }),
  ];
  admins = await startAdminApi({ environment: { shop: NEW_YORK, tools, now: () => NOW } });
});
afterAll(() => admins.close());

function aTool(name: string, values: Partial<ToolEntry> = {}): ToolEntry {
  return {
    name,
    description: `Does ${name}.`,
    label: { en: `Doing ${name}`, vi: `Đang làm ${name}` },
    parameters: {},
    allowedRoles: ["staff", "manager", "owner"],
    ...values,
  };
}

type CallValues = NonNullable<Parameters<typeof insertToolCall>[2]>;

async function addCalls(...calls: CallValues[]) {
  const run = await insertRun(admins.db, { threadId: (await insertThread(admins.db)).id });
  for (const [position, values] of calls.entries()) await insertToolCall(admins.db, run, { position, ...values });
}

const STATISTICS = "calls succeeded failed failureRate duration { count p50Ms p95Ms p99Ms }";

test("tools have the description for the model and the label for staff", async () => {
  const { tools } = await admins.query("{ tools { name description parameters allowedRoles label { en vi } } }");

  expect(tools).toEqual([
    {
      name: "CheckStock",
      description: "Does CheckStock.",
      parameters: {},
      allowedRoles: ["STAFF", "MANAGER", "OWNER"],
      label: { en: "Doing CheckStock", vi: "Đang làm CheckStock" },
    },
    expect.objectContaining({ name: "CheckSales", parameters: PARAMETERS, allowedRoles: ["MANAGER", "OWNER"] }),
  ]);
});

test("a tool without calls has no rate, no durations and no last use", async () => {
  const { tools } = await admins.query(`{ tools { name lastUsedAt statistics { ${STATISTICS} } } }`);

  const never = {
    lastUsedAt: null,
    statistics: {
      calls: 0,
      succeeded: 0,
      failed: 0,
      failureRate: null,
      duration: { count: 0, p50Ms: null, p95Ms: null, p99Ms: null },
    },
  };
  expect(tools).toEqual([
    { name: "CheckStock", ...never },
    { name: "CheckSales", ...never },
  ]);
});

test("calls are counted by status within the period; a removed tool is not listed", async () => {
  const startedAt = instant("2027-05-02T12:00:00.000Z");
  const ended = (ms: number) => ({
    createdAt: startedAt,
    startedAt,
    completedAt: instant(`2027-05-02T12:00:00.${String(ms).padStart(3, "0")}Z`),
  });
  const name = "CheckStock";
  await addCalls(
    { name, ...ended(100) },
    { name, ...ended(200) },
    { name, ...ended(900), status: "failed" },
    { name, createdAt: startedAt, status: "pending" },
    { name, createdAt: startedAt, startedAt, status: "running" },
    { name, createdAt: instant("2027-05-02T03:59:59.999999Z") },
    { name, createdAt: instant("2027-05-03T04:00:00Z") },
    { name: "CheckSales", createdAt: instant("2027-05-02T04:00:00Z"), status: "failed" },
    { name: "Gone", createdAt: startedAt },
  );
  const period = '(period: { from: "2027-05-02", until: "2027-05-03" })';

  const { tools } = await admins.query(`{ tools { name lastUsedAt statistics${period} { ${STATISTICS} } } }`);

  expect(tools).toEqual([
    {
      name: "CheckStock",
      lastUsedAt: "2027-05-03T04:00:00.000Z",
      statistics: {
        calls: 5,
        succeeded: 2,
        failed: 1,
        failureRate: 1 / 3,
        duration: { count: 3, p50Ms: 200, p95Ms: 900, p99Ms: 900 },
      },
    },
    {
      name: "CheckSales",
      lastUsedAt: "2027-05-02T04:00:00.000Z",
      statistics: {
        calls: 1,
        succeeded: 0,
        failed: 1,
        failureRate: 1,
        duration: { count: 0, p50Ms: null, p95Ms: null, p99Ms: null },
      },
    },
  ]);
});

test("without a period, the last 30 days count, today included", async () => {
  const name = "CheckStock";
  await addCalls(
    { name, createdAt: instant("2026-10-26T03:59:59.999Z") },
    { name, createdAt: instant("2026-10-26T04:00:00Z") },
    { name, createdAt: instant("2026-11-25T04:59:59.999Z") },
    { name, createdAt: instant("2026-11-25T05:00:00Z") },
  );

  const { tools } = await admins.query("{ tools { statistics { calls } } }");

  expect(tools[0]).toEqual({ statistics: { calls: 2 } });
});

test("the statistics of all tools take one statement per period, and other fields none", async () => {
  admins.statements.length = 0;
  await admins.query(`{ tools { name statistics { ${STATISTICS} } lastUsedAt } }`);
  const whole = admins.statements.length;
  await admins.query("{ tools { name description parameters } }");

  expect([whole, admins.statements.length]).toEqual([2, 2]);
});

test("an invalid period is refused", async () => {
  const query = '{ tools { statistics(period: { from: "2026-11-24", until: "2026-11-24" }) { calls } } }';

  expect(new Set(await admins.refusal(query))).toEqual(new Set(["BAD_USER_INPUT"]));
});
