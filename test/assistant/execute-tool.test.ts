import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { z } from "zod";
import { executeTool } from "../../src/assistant/execute-tool.ts";
import { isDatabaseUnavailable } from "../../src/db/error-code.ts";
import { products } from "../../src/db/schema/index.ts";
import { BadInputError } from "../../src/errors.ts";
import { STAFF_ROLES, type StaffRole } from "../../src/shop/roles.ts";
import { createToolRegistry } from "../../src/tools/registry.ts";
import { defineTool, type Tool, type ToolContext } from "../../src/tools/tool.ts";
import { createCapturedLog } from "../support/log.ts";
import { HANOI, instantOf, openTestShop } from "../support/shop.ts";

interface Call {
  name: string;
  arguments?: unknown;
  role?: StaffRole;
  signal?: AbortSignal;
  toolTimeoutMs?: number;
}

/** A shop with these tools besides its own. `call` makes a call on Sunday at 10:00. */
async function openCounter(extra: Tool[] = [], revenueRoles: readonly StaffRole[] = STAFF_ROLES) {
  const shop = await openTestShop();
  const { logger, lines } = createCapturedLog();
  const tools = new Map([...createToolRegistry(revenueRoles), ...extra.map((tool) => [tool.name, tool] as const)]);
  const now = () => instantOf("2026-11-22T10:00", HANOI);
  const call = ({ name, arguments: args = {}, role = "staff", signal, toolTimeoutMs = 10_000 }: Call) =>
    executeTool(
      { db: shop.db, tools, shop: HANOI, logger, now, toolTimeoutMs },
      { id: "1", callId: "call_1", round: 1, name, arguments: args, status: "pending", output: null },
      { role, signal: signal ?? new AbortController().signal },
    );
  return { shop, call, lines };
}

function toolThat(execute: (context: ToolContext) => Promise<Record<string, unknown>>): Tool {
  return defineTool({
    name: "Probe",
    description: "Probes.",
    label: { en: "Probing", vi: "Đang thử" },
    input: z.strictObject({}),
    allowedRoles: STAFF_ROLES,
    execute: (_input, context) => execute(context),
  });
}

const MASKED = "The tool failed because of an internal error. Trying again may help; the log has the details.";

test("a call's output is what the tool returns for the shop's current time", async () => {
  const { shop, call } = await openCounter();
  await shop.stock("2026-11-22T08:00", "OAT,Sữa yến mạch,,30000,20000,0,6");
  await shop.sell("2026-11-22T09:30", "R1,2026-11-21T09:00,OAT,7,30000,", "R2,2026-11-22T09:00,OAT,1,30000,");

  const stock = await call({ name: "CheckOutOfStock" });
  const today = await call({ name: "CheckDailyRevenue", arguments: { date: "2026-11-22" } });

  expect(stock).toMatchObject({
    error: null,
    output: { out_of_stock: [{ sku: "OAT", sold_a_day: 7, days_of_cover: 0 }] },
  });
  expect(today).toMatchObject({
    error: null,
    output: { status: "so_far", as_of: "09:00", net_revenue: 30_000, gross_profit: 10_000 },
  });
  expect(stock.output).toEqual(await shop.ask("CheckOutOfStock", {}, "2026-11-22T10:00"));
});

test("a call of an unknown tool gets the list of tools", async () => {
  const { call } = await openCounter();

  const end = await call({ name: "DeleteProducts" });

  const error = 'There is no tool "DeleteProducts". Tools: CheckOutOfStock, CheckDailyRevenue.';
  expect(end).toEqual({ output: { error }, error });
});

test("invalid arguments get an explanation", async () => {
  const { call } = await openCounter();

  const ends = await Promise.all(
    [{ date: "14/11/2026" }, {}, null, "yesterday"].map((args) => call({ name: "CheckDailyRevenue", arguments: args })),
  );

  expect(ends.map(({ error }) => error)).toEqual([
    expect.stringMatching(/^Invalid arguments: .*must be a calendar date in the form YYYY-MM-DD/),
    expect.stringContaining("date"),
    expect.stringMatching(/^Invalid arguments: .*expected object/),
    expect.stringMatching(/^Invalid arguments: the arguments are not valid JSON/),
  ]);
  for (const { output, error } of ends) expect(output).toEqual({ error });
});

test("a person who may not see revenue learns whom to ask, and the figures are not read", async () => {
  const { call } = await openCounter([], ["owner"]);
  const revenue = { name: "CheckDailyRevenue", arguments: { date: "2026-11-22" } };

  const [staff, manager, owner] = await Promise.all(STAFF_ROLES.map((role) => call({ ...revenue, role })));

  const error = "This person may not see that. Tell them to ask someone with the role owner.";
  expect(staff).toEqual({ output: { error }, error });
  expect(manager).toEqual({ output: { error }, error });
  expect(owner).toMatchObject({ error: null, output: { status: "not_imported" } });
});

test("a refusal names every role that is allowed, and no other", async () => {
  const { call } = await openCounter([], ["owner", "manager"]);
  const { call: callOther } = await openCounter([], ["staff"]);
  const revenue = { name: "CheckDailyRevenue", arguments: { date: "2026-11-22" } };

  const staff = await call({ ...revenue, role: "staff" });
  const owner = await callOther({ ...revenue, role: "owner" });

  expect(staff.error).toMatch(/ask someone with the role manager or owner\.$/);
  expect(owner.error).toMatch(/ask someone with the role staff\.$/);
});

test("the message of our own error is the output", async () => {
  const { call, lines } = await openCounter([
    toolThat(async () => {
      throw new BadInputError("The shop has no till 7.");
    }),
  ]);

  const end = await call({ name: "Probe" });

  expect(end).toEqual({ output: { error: "The shop has no till 7." }, error: "The shop has no till 7." });
  expect(lines()).toEqual([]);
});

test("a database error is masked: no SQL and no parameter reaches the model or the log", async () => {
  const { call, lines } = await openCounter([
    toolThat(async ({ db }) => ({
      rows: await db.execute(sql`select ${"parameter 4711"}::text from secret_table`),
    })),
  ]);

  const end = await call({ name: "Probe" });

  expect(end).toEqual({ output: { error: MASKED }, error: MASKED });
  expect(lines()).toMatchObject([{ msg: "tool failed", tool: "Probe", toolCallId: "1", err: { code: "42P01" } }]);
  expect(JSON.stringify(lines())).not.toContain("parameter 4711");
});

test("a lost database is no output: the call has not ended, and may be repeated", async () => {
  const { call, lines } = await openCounter([
    toolThat(async ({ db }) => ({ rows: await db.execute(sql`select pg_terminate_backend(pg_backend_pid())`) })),
  ]);

  const end = call({ name: "Probe" });

  await expect(end).rejects.toSatisfy(isDatabaseUnavailable);
  expect(lines()).toEqual([]);
});

test("any other error is masked, and so is an output that cannot be JSON", async () => {
  const faults = [new Error("secret sauce"), "secret sauce", undefined];
  for (const fault of faults) {
    const { call, lines } = await openCounter([toolThat(() => Promise.reject(fault))]);

    expect(await call({ name: "Probe" })).toEqual({ output: { error: MASKED }, error: MASKED });
    expect(lines()).toHaveLength(1);
  }
  const { call } = await openCounter([toolThat(async () => ({ amount: 1n }))]);

  expect(await call({ name: "Probe" })).toEqual({ output: { error: MASKED }, error: MASKED });
});

test("a tool that writes is refused by the database, and nothing is stored", async () => {
  const { shop, call, lines } = await openCounter([
    toolThat(async ({ db }) => {
      await db.insert(products).values({ sku: "SMUGGLED", name: "Smuggled" });
      return { ok: true };
    }),
  ]);

  const end = await call({ name: "Probe" });

  expect(end).toEqual({ output: { error: MASKED }, error: MASKED });
  expect(lines()).toMatchObject([{ err: { code: "25006" } }]);
  expect(JSON.stringify(lines())).not.toContain("SMUGGLED");
  expect(await shop.db.$count(products)).toBe(0);
});

test("a tool works in a repeatable read with a statement timeout", async () => {
  const { call } = await openCounter([
    toolThat(async ({ db }) => {
      const [row] = await db.execute(sql`select current_setting('statement_timeout') as timeout,
        current_setting('transaction_isolation') as isolation, current_setting('transaction_read_only') as read_only`);
      return { ...row };
    }),
  ]);

  const { output } = await call({ name: "Probe" });

  expect(output).toEqual({ timeout: "8s", isolation: "repeatable read", read_only: "on" });
});

test("a tool that takes too long times out", async () => {
  const release = Promise.withResolvers<Record<string, unknown>>();
  const { call } = await openCounter([toolThat(() => release.promise)]);

  const end = await call({ name: "Probe", toolTimeoutMs: 20 });

  release.resolve({});
  const error = "The tool took longer than 0.02 s.";
  expect(end).toEqual({ output: { error }, error });
});

test("a failure after the timeout has no effect", async () => {
  const release = Promise.withResolvers<Record<string, unknown>>();
  const started = Promise.withResolvers<void>();
  const { call, lines } = await openCounter([
    toolThat(() => {
      started.resolve();
      return release.promise;
    }),
  ]);

  await call({ name: "Probe", toolTimeoutMs: 20 });
  // The call may time out before it gets a connection.
  await started.promise;
  release.reject(new Error("too late"));
  const next = await call({ name: "CheckOutOfStock" });

  expect(next.error).toBeNull();
  expect(lines()).toEqual([]);
});

test("an aborted call has no output: it throws the signal's reason", async () => {
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<Record<string, unknown>>();
  const { call } = await openCounter([
    toolThat(() => {
      started.resolve();
      return release.promise;
    }),
  ]);
  const stop = new AbortController();
  const reason = new Error("stopped by the person");

  const end = call({ name: "Probe", signal: stop.signal, toolTimeoutMs: 3_600_000 });
  await started.promise;
  stop.abort(reason);

  await expect(end).rejects.toBe(reason);
  release.resolve({});
});

test("a call of a run that is already aborted does not begin", async () => {
  let begun = false;
  const { call } = await openCounter([
    toolThat(async () => {
      begun = true;
      return {};
    }),
  ]);

  const end = call({ name: "Probe", signal: AbortSignal.abort("stopped") });

  await expect(end).rejects.toBe("stopped");
  await call({ name: "CheckOutOfStock" });
  expect(begun).toBe(false);
});

test("an output that is too long is an error, the longest that fits is not", async () => {
  const outputOf = (length: number) => ({ text: "x".repeat(length - '{"text":""}'.length) });
  const lengths = [60_000, 60_001];
  const { call } = await openCounter([toolThat(async () => outputOf(lengths.shift() ?? 0))]);

  const fits = await call({ name: "Probe" });
  const tooLong = await call({ name: "Probe" });

  const error = "The output is too long. Ask for less at once.";
  expect(fits).toEqual({ output: outputOf(60_000), error: null });
  expect(tooLong).toEqual({ output: { error }, error });
});
