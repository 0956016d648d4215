import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import {
  insertMessages,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
  instant,
} from "../../support/conversations.ts";
import { fc } from "../../support/property.ts";
import { NEW_YORK } from "../../support/shop.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

/** Each test uses its own year, in a time zone that ends DST on the first Sunday of November. */
let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi({ environment: { shop: NEW_YORK } });
});
afterAll(() => admins.close());

const PERCENTILES = "{ count p50Ms p95Ms p99Ms }";
const FIGURES = `{
  messages questions runs { total open completed failed cancelled incomplete }
  tokens { inputTokens cachedInputTokens outputTokens reasoningTokens } cost { usd unpricedRuns }
  firstText ${PERCENTILES} duration ${PERCENTILES} toolCalls failedToolCalls
}`;
const GROUPS = "groups { key date staffMember { name } model tool";

async function usage(from: string, until: string, by: string, fields: string) {
  const query = `query ($period: DateRange!, $by: UsageDimension!) { usage(period: $period, by: $by) { ${fields} } }`;
  return (await admins.query(query, { period: { from, until }, by })).usage;
}

type RunValues = Omit<Parameters<typeof insertRun>[1], "threadId">;

async function addRun(values: RunValues) {
  const thread = await insertThread(admins.db);
  return insertRun(admins.db, { threadId: thread.id, ...values });
}

/** Inserts runs queued at these times. */
async function addRunsAt(...times: string[]) {
  for (const time of times) await addRun({ queuedAt: instant(time) });
}

test("a run counts on the shop's day on which it was queued, to the microsecond, also on a day of 25 hours", async () => {
  await addRunsAt("2026-10-31T04:00:00Z", "2026-11-01T03:59:59.999999Z");
  await addRunsAt("2026-11-01T04:00:00Z", "2026-11-01T06:30:00Z", "2026-11-02T04:59:59.999999Z");
  await addRunsAt("2026-11-03T04:59:59Z");
  await addRunsAt("2026-10-31T03:59:59.999999Z", "2026-11-03T05:00:00Z");

  const report = await usage(
    "2026-10-31",
    "2026-11-03",
    "DAY",
    "from until timeZone total { runs { total } } groups { key date figures { runs { total } } } omittedGroups",
  );

  const day = (date: string, total: number) => ({ key: date, date, figures: { runs: { total } } });
  expect(report).toEqual({
    from: "2026-10-31",
    until: "2026-11-03",
    timeZone: "America/New_York",
    total: { runs: { total: 6 } },
    groups: [day("2026-10-31", 2), day("2026-11-01", 3), day("2026-11-02", 1)],
    omittedGroups: 0,
  });
});

test("a day of 23 hours has its real length, and days without rows have zeros", async () => {
  await addRunsAt("2027-03-14T05:00:00Z", "2027-03-15T03:59:59Z", "2027-03-16T03:59:59Z", "2027-03-16T04:00:00Z");

  const { groups } = await usage("2027-03-13", "2027-03-16", "DAY", `${GROUPS} figures ${FIGURES} }`);

  expect(groups.map((group: Group) => [group.date, group.figures.runs.total])).toEqual([
    ["2027-03-13", 0],
    ["2027-03-14", 2],
    ["2027-03-15", 1],
  ]);
  const never = { count: 0, p50Ms: null, p95Ms: null, p99Ms: null };
  expect(groups[0]).toEqual({
    key: "2027-03-13",
    date: "2027-03-13",
    staffMember: null,
    model: null,
    tool: null,
    figures: {
      messages: 0,
      questions: 0,
      runs: { total: 0, open: 0, completed: 0, failed: 0, cancelled: 0, incomplete: 0 },
      tokens: { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 },
      cost: { usd: "0", unpricedRuns: 0 },
      firstText: never,
      duration: never,
      toolCalls: 0,
      failedToolCalls: 0,
    },
  });
});

test("weeks begin on Monday and months on the first; only days of the period count", async () => {
  // 2028-02-28 is a Monday.
  await addRunsAt("2028-02-28T12:00:00Z", "2028-02-29T12:00:00Z", "2028-03-05T12:00:00Z", "2028-03-06T12:00:00Z");
  const fields = "total { runs { total } } groups { date figures { runs { total } } }";

  const weeks = await usage("2028-02-29", "2028-03-07", "WEEK", fields);
  const months = await usage("2028-02-29", "2028-03-07", "MONTH", fields);

  const counts = ({ groups }: { groups: Group[] }) => groups.map(({ date, figures }) => [date, figures.runs.total]);
  expect([weeks.total.runs.total, months.total.runs.total]).toEqual([3, 3]);
  expect(counts(weeks)).toEqual([
    ["2028-02-28", 2],
    ["2028-03-06", 1],
  ]);
  expect(counts(months)).toEqual([
    ["2028-02-01", 1],
    ["2028-03-01", 2],
  ]);
});

test("the figures of a period: statuses, tokens beyond an Int, cost, durations, tool calls", async () => {
  const at = "2029-06-01T12:00:00Z";
  const after = (seconds: number) => instant(`2029-06-01T12:00:${String(seconds).padStart(2, "0")}Z`);
  const luna = { model: "gpt-6-luna", queuedAt: instant(at) };
  const large = { inputTokens: 2_000_000_000, cachedInputTokens: 1_000_000_000, outputTokens: 4, reasoningTokens: 3 };
  for (let index = 1; index <= 20; index += 1) {
    await addRun({
      ...luna,
      startedAt: after(0),
      firstTokenAt: after(index),
      completedAt: after(2 * index),
      ...(index <= 2 && large),
    });
  }
  await addRun({ ...luna, status: "failed", model: "llama4:8b", inputTokens: 1, outputTokens: 1 });
  await addRun({ ...luna, status: "cancelled", model: null });
  await addRun({ ...luna, status: "incomplete", inputTokens: 10, outputTokens: 0 });
  await addRun({ ...luna, status: "queued", model: null });
  const running = await addRun({ ...luna, status: "requires_action" });
  await insertToolCall(admins.db, running, { createdAt: instant(at), status: "failed" });
  await insertToolCall(admins.db, running, { createdAt: instant(at), position: 2, status: "pending" });
  await insertMessages(admins.db, running.threadId, [
    { createdAt: instant(at) },
    { createdAt: instant(at) },
    { createdAt: instant(at) },
    { createdAt: instant("2029-06-02T04:00:00Z") },
  ]);

  const { total } = await usage("2029-06-01", "2029-06-02", "DAY", `total ${FIGURES}`);

  expect(total).toEqual({
    messages: 3,
    questions: 2,
    runs: { total: 25, open: 2, completed: 20, failed: 1, cancelled: 1, incomplete: 1 },
    tokens: {
      inputTokens: 4_000_000_011,
      cachedInputTokens: 2_000_000_000,
      outputTokens: 9,
      reasoningTokens: 6,
    },
    // (2 x 10^9 x 0.1 + 2 x 10^9 x 0.01 + 8 x 0.5 + 10 x 0.1) millionths
    // One with a model without a price, 18 without token counts, and the open one.
    cost: { usd: "220.000005", unpricedRuns: 20 },
    firstText: { count: 20, p50Ms: 10_000, p95Ms: 19_000, p99Ms: 20_000 },
    duration: { count: 20, p50Ms: 20_000, p95Ms: 38_000, p99Ms: 40_000 },
    toolCalls: 2,
    failedToolCalls: 1,
  });
});

test("by staff member: runs by asker, messages by author, answers by the person who asked; most runs first", async () => {
  const [linh, minh] = [await insertStaffMember(admins.db), await insertStaffMember(admins.db, { name: "Minh" })];
  const queuedAt = instant("2030-06-01T12:00:00Z");
  await addRun({ queuedAt, askerId: minh.id });
  await addRun({ queuedAt, askerId: linh.id });
  const run = await addRun({ queuedAt, askerId: linh.id });
  await addRun({ queuedAt });
  await insertToolCall(admins.db, run, { createdAt: queuedAt });
  await insertMessages(admins.db, run.threadId, [
    { authorId: linh.id, runId: run.id, createdAt: queuedAt },
    { runId: run.id, createdAt: queuedAt },
    { authorId: minh.id, createdAt: queuedAt },
    { createdAt: queuedAt },
  ]);

  const { groups } = await usage(
    "2030-06-01",
    "2030-06-02",
    "STAFF_MEMBER",
    `${GROUPS} figures { runs { total } messages toolCalls } }`,
  );

  const names = { date: null, model: null, tool: null };
  const key = (id: string) => encodeGlobalId("StaffMember", id);
  const [first, ...others] = groups;
  expect(first).toEqual({
    ...names,
    key: key(linh.id),
    staffMember: { name: "Linh" },
    figures: { runs: { total: 2 }, messages: 2, toolCalls: 1 },
  });
  expect(others).toHaveLength(2);
  expect(others).toContainEqual({
    ...names,
    key: key(minh.id),
    staffMember: { name: "Minh" },
    figures: { runs: { total: 1 }, messages: 1, toolCalls: 0 },
  });
  expect(others).toContainEqual({
    ...names,
    key: "",
    staffMember: null,
    figures: { runs: { total: 1 }, messages: 1, toolCalls: 0 },
  });
});

test("by tool: a run counts once for each tool that it called, and once in the total", async () => {
  const queuedAt = instant("2031-06-01T12:00:00Z");
  const tokens = { model: "gpt-6-luna", inputTokens: 1_000_000, outputTokens: 0 };
  const both = await addRun({ queuedAt, ...tokens });
  const one = await addRun({ queuedAt, ...tokens });
  await addRun({ queuedAt, ...tokens });
  const later = instant("2031-06-02T12:00:00Z");
  await insertToolCall(admins.db, both, { createdAt: queuedAt, name: "Stock" });
  await insertToolCall(admins.db, both, { createdAt: queuedAt, name: "Stock", position: 2, status: "failed" });
  await insertToolCall(admins.db, both, { createdAt: later, name: "Sales", position: 3 });
  await insertToolCall(admins.db, one, { createdAt: queuedAt, name: "Stock" });
  await insertMessages(admins.db, both.threadId, [
    { runId: both.id, createdAt: queuedAt },
    { runId: both.id, createdAt: queuedAt },
    { createdAt: queuedAt },
  ]);

  const figures = "{ runs { total } cost { usd } messages questions toolCalls failedToolCalls }";
  const report = await usage(
    "2031-06-01",
    "2031-06-02",
    "TOOL",
    `total ${figures} groups { key tool figures ${figures} }`,
  );

  expect(report.total).toEqual({
    runs: { total: 3 },
    cost: { usd: "0.3" },
    messages: 3,
    questions: 2,
    toolCalls: 3,
    failedToolCalls: 1,
  });
  expect(report.groups).toEqual([
    {
      key: "Stock",
      tool: "Stock",
      figures: {
        runs: { total: 2 },
        cost: { usd: "0.2" },
        messages: 2,
        questions: 1,
        toolCalls: 3,
        failedToolCalls: 1,
      },
    },
    {
      key: "Sales",
      tool: "Sales",
      // The tool call came a day later, but its run was queued within the period.
      figures: {
        runs: { total: 1 },
        cost: { usd: "0.1" },
        messages: 2,
        questions: 1,
        toolCalls: 0,
        failedToolCalls: 0,
      },
    },
  ]);
});

test("by tool: a message counts for the tools of its run, even if question and call are a day older", async () => {
  const asked = instant("2041-06-01T03:59:58Z");
  const run = await addRun({ queuedAt: asked });
  await insertToolCall(admins.db, run, { createdAt: instant("2041-06-01T03:59:59Z"), name: "Stock" });
  await insertMessages(admins.db, run.threadId, [
    { runId: run.id, createdAt: asked },
    { runId: run.id, createdAt: instant("2041-06-01T04:00:03Z") },
  ]);

  const figures = "{ runs { total } messages toolCalls }";
  const report = await usage("2041-06-01", "2041-06-02", "TOOL", `total ${figures} groups { tool figures ${figures} }`);

  const answerOnly = { runs: { total: 0 }, messages: 1, toolCalls: 0 };
  expect(report).toEqual({ total: answerOnly, groups: [{ tool: "Stock", figures: answerOnly }] });
});

test("of many groups, the hundred with the most runs are shown, and the rest is counted", async () => {
  for (let index = 0; index < 103; index += 1) {
    await addRun({ queuedAt: instant("2032-06-01T12:00:00Z"), model: `model-${String(index).padStart(3, "0")}` });
  }
  await addRun({ queuedAt: instant("2032-06-01T12:00:00Z"), model: "model-102" });

  const { groups, omittedGroups, total } = await usage(
    "2032-06-01",
    "2032-06-02",
    "MODEL",
    "groups { model } omittedGroups total { runs { total } }",
  );

  expect(groups).toHaveLength(100);
  expect(groups.slice(0, 2)).toEqual([{ model: "model-102" }, { model: "model-000" }]);
  expect([omittedGroups, total.runs.total]).toEqual([3, 104]);
});

test("the groups always add up to the total", async () => {
  const people = [await insertStaffMember(admins.db), await insertStaffMember(admins.db)];
  const minutes = fc.integer({ min: 0, max: 35 * 24 * 60 });
  const tokens = fc.option(fc.integer({ min: 0, max: 2_000_000 }), { nil: null });
  const happening = fc.record({
    queuedIn: minutes,
    saidIn: minutes,
    status: fc.constantFrom("completed", "failed", "queued", "cancelled", "incomplete" as const),
    model: fc.constantFrom("gpt-6-luna", "llama4:8b", null),
    asker: fc.constantFrom(0, 1, null),
    author: fc.constantFrom(0, 1, null),
    inputTokens: tokens,
    cachedInputTokens: tokens,
    outputTokens: tokens,
    calls: fc.integer({ min: 0, max: 2 }),
  });
  const idOf = (person: number | null) => (person === null ? null : (people[person]?.id ?? null));
  let year = 2040;

  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 12 }), async (happenings) => {
      year += 1;
      // From mid-October to mid-November: DST ends in between.
      const at = (minute: number) => new Date(Date.UTC(year, 9, 14) + minute * 60_000);
      for (const { queuedIn, saidIn, asker, author, calls, ...values } of happenings) {
        const run = await addRun({ ...values, askerId: idOf(asker), queuedAt: at(queuedIn) });
        await insertMessages(admins.db, run.threadId, [
          { authorId: idOf(author), createdAt: at(saidIn), runId: run.id },
          { createdAt: at(queuedIn), runId: run.id },
          { createdAt: at(saidIn) },
        ]);
        for (let position = 1; position <= calls; position += 1) {
          await insertToolCall(admins.db, run, { position, createdAt: at(saidIn) });
        }
      }
      for (const by of ["DAY", "WEEK", "MONTH", "STAFF_MEMBER", "MODEL"]) {
        const fields = `total ${FIGURES} groups { figures ${FIGURES} }`;
        const { total, groups } = await usage(`${year}-10-15`, `${year}-11-16`, by, fields);
        const all = sumsOf(total);
        const summed = groups.reduce(
          (sum: Sums, { figures }: Group) => add(sum, sumsOf(figures)),
          Object.fromEntries(Object.keys(all).map((name) => [name, 0n])),
        );
        expect([by, summed]).toEqual([by, all]);
      }
    }),
    { numRuns: 12 },
  );
});

test("a report takes three statements, one more for staff members, and only those that its figures need", async () => {
  const period = ["2030-06-01", "2030-06-02"] as const;
  const statementsOf = async (by: string, fields: string) => {
    admins.statements.length = 0;
    await usage(...period, by, fields);
    return admins.statements.length;
  };

  expect(await statementsOf("STAFF_MEMBER", `total ${FIGURES} ${GROUPS} figures ${FIGURES} } omittedGroups`)).toBe(4);
  expect(await statementsOf("TOOL", `total ${FIGURES} ${GROUPS} figures ${FIGURES} }`)).toBe(3);
  expect(await statementsOf("DAY", `total ${FIGURES} ${GROUPS} figures ${FIGURES} }`)).toBe(3);
  expect(await statementsOf("DAY", "groups { date figures { cost { usd } } }")).toBe(1);
  expect(await statementsOf("DAY", "from until timeZone groups { date }")).toBe(0);
});

test("reports of different periods in one query do not mix", async () => {
  const report = (name: string, day: string, next: string) =>
    `${name}: usage(period: { from: "${day}", until: "${next}" }, by: MODEL) { total { runs { total } } }`;

  const data = await admins.query(
    `{ ${report("one", "2030-06-01", "2030-06-02")} ${report("other", "2031-06-01", "2031-06-02")} }`,
  );

  expect([data.one.total.runs.total, data.other.total.runs.total]).toEqual([4, 3]);
});

test("the cost limit allows several reports per request, but not dozens", async () => {
  const reports = (count: number) =>
    Array.from({ length: count }, (_, index) => {
      const period = `{ from: "2030-06-01", until: "2030-06-${String(index + 2).padStart(2, "0")}" }`;
      return `r${index}: usage(period: ${period}, by: DAY) { total { messages } }`;
    }).join(" ");

  expect(Object.keys(await admins.query(`{ ${reports(6)} }`))).toHaveLength(6);
  expect(await admins.refusal(`{ ${reports(20)} }`)).toEqual(["QUERY_TOO_COMPLEX"]);
});

test.each([
  ["2026-11-24", "2026-11-24", "is empty"],
  ["2026-11-24", "2026-11-23", "is empty"],
  ["2026-01-01", "2027-02-06", "401 days"],
  ["0001-01-01", "9999-12-31", "1970"],
  ["1969-12-31", "1970-01-02", "1970"],
  ["1970-01-01", "9999-12-31", "days"],
])("a period from %s until %s is refused with the reason: %s", async (from, until, why) => {
  for (const by of ["DAY", "WEEK", "MONTH", "STAFF_MEMBER", "MODEL", "TOOL"]) {
    const { body } = await admins.ask(
      `{ usage(period: { from: "${from}", until: "${until}" }, by: ${by}) { groups { key } } }`,
    );

    expect(body.errors?.map((error) => [error.extensions.code, error.message.includes(why)])).toEqual([
      ["BAD_USER_INPUT", true],
    ]);
  }
});

test("a period may have 400 days, all with all figures, up to the last day of the calendar", async () => {
  const { groups } = await usage("2026-01-01", "2027-02-05", "DAY", `groups { date figures ${FIGURES} }`);
  const last = await usage("9999-01-01", "9999-12-31", "MONTH", "groups { date figures { runs { total } } }");

  expect(groups).toHaveLength(400);
  expect(last.groups).toHaveLength(12);
});

interface Group {
  date: string;
  figures: Figures;
}

interface Figures {
  messages: number;
  questions: number;
  runs: Record<string, number>;
  tokens: Record<string, number>;
  cost: { usd: string; unpricedRuns: number };
  firstText: { count: number };
  duration: { count: number };
  toolCalls: number;
  failedToolCalls: number;
}

type Sums = Record<string, bigint>;

/** All figures that can be summed; costs in 10^-12 US dollars. */
function sumsOf({ runs, tokens, cost, firstText, duration, ...counts }: Figures): Sums {
  const [units = "", decimals = ""] = cost.usd.split(".");
  const numbers = {
    ...counts,
    ...runs,
    ...tokens,
    unpricedRuns: cost.unpricedRuns,
    firstTexts: firstText.count,
    durations: duration.count,
  };
  const sums = Object.entries(numbers).map(([name, value]) => [name, BigInt(value)] as const);
  return { ...Object.fromEntries(sums), usd: BigInt(units + decimals.padEnd(12, "0")) };
}

function add(one: Sums, other: Sums): Sums {
  return Object.fromEntries(Object.entries(other).map(([name, value]) => [name, value + (one[name] ?? 0n)]));
}
