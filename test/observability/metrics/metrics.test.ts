import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createMetrics, type MetricsSources } from "../../../src/observability/metrics/metrics.ts";

const DOCUMENT = fileURLToPath(new URL("../../../docs/metrics.md", import.meta.url));

function open(sources: Partial<MetricsSources> = {}) {
  return createMetrics({
    readDatabase: async () => ({
      queuedRuns: 3,
      oldestQueuedSeconds: 12.5,
      runningRuns: 2,
      waitingDeliveries: 1,
      oldestDeliverySeconds: 4,
      liveWorkers: 2,
    }),
    pools: { bot: () => ({ size: 20, inUse: 5, waiting: 1 }) },
    frozenChats: () => 2,
    ...sources,
  });
}

/** The lines of our own metrics with a value other than 0, without histogram buckets. */
async function linesOf({ scrape }: Pick<ReturnType<typeof open>, "scrape">): Promise<string[]> {
  const lines = (await scrape()).split("\n");
  return lines.filter((line) => line.startsWith("counterhand_") && !/_bucket\{/.test(line) && !line.endsWith(" 0"));
}

test("every metric is in the table of the document, and every row of the table is a metric", () => {
  const rows = [...readFileSync(DOCUMENT, "utf8").matchAll(/^\| `([a-z_]+\*?)` \|/gm)].map(([, name = ""]) => name);
  const names = open().names();
  const isIn = (row: string, name: string) => (row.endsWith("*") ? name.startsWith(row.slice(0, -1)) : name === row);

  expect(names.filter((name) => !rows.some((row) => isIn(row, name)))).toEqual([]);
  expect(rows.filter((row) => !names.some((name) => isIn(row, name)))).toEqual([]);
  expect(rows.filter((row) => row.endsWith("*"))).toEqual(["process_*", "nodejs_*"]);
});

test("the alert rules of the document use existing metrics", () => {
  const [, rules = ""] = readFileSync(DOCUMENT, "utf8").split("groups:");
  const asked = new Set(rules.match(/\bcounterhand_\w+/g));

  expect(asked.size).toBeGreaterThanOrEqual(3);
  expect([...asked].filter((name) => !open().names().includes(name))).toEqual([]);
});

test("a scrape reads the database's state, the pools and the frozen chats", async () => {
  expect(await linesOf(open())).toEqual(
    expect.arrayContaining([
      "counterhand_runs_queued 3",
      "counterhand_oldest_queued_run_seconds 12.5",
      "counterhand_runs_running 2",
      "counterhand_deliveries_waiting 1",
      "counterhand_oldest_waiting_delivery_seconds 4",
      "counterhand_workers_live 2",
      "counterhand_database_up 1",
      'counterhand_pool_connections_max{pool="bot"} 20',
      'counterhand_pool_connections_in_use{pool="bot"} 5',
      'counterhand_pool_waiting{pool="bot"} 1',
      "counterhand_telegram_frozen_chats 2",
    ]),
  );
});

test("an unknown value is absent, not 0", async () => {
  const metrics = open({
    readDatabase: () => Promise.reject(new Error("away")),
    frozenChats: () => null,
  });

  const text = await metrics.scrape();

  expect(text).toContain("\ncounterhand_database_up 0\n");
  expect(text).not.toMatch(/^counterhand_(runs_queued|deliveries_waiting|workers_live|telegram_frozen_chats) /m);
});

test("runs are counted by outcome and code, attempts after the first as takeovers", async () => {
  const metrics = open();
  const { meter } = metrics;
  const ended = (status: "completed" | "failed", errorCode: string | null) =>
    meter.runEnded({ status, errorCode, errorMessage: "what Lan asked" });

  meter.attemptStarted(1);
  meter.attemptStarted(2);
  meter.runHandedOver("shutdown");
  ended("completed", null);
  ended("failed", "MODEL_SILENT");

  expect(await linesOf(metrics)).toEqual(
    expect.arrayContaining([
      "counterhand_run_attempts_total 2",
      "counterhand_run_takeovers_total 1",
      'counterhand_run_handovers_total{reason="shutdown"} 1',
      'counterhand_runs_ended_total{outcome="completed",code="none"} 1',
      'counterhand_runs_ended_total{outcome="failed",code="MODEL_SILENT"} 1',
    ]),
  );
  expect(await metrics.scrape()).toContain('counterhand_runs_ended_total{outcome="cancelled",code="none"} 0\n');
  expect(await metrics.scrape()).not.toContain("Lan");
});

test("tokens are counted under one kind each, and their cost where the price is known", async () => {
  const metrics = open();
  const { meter } = metrics;
  const use = { inputTokens: 100, cachedInputTokens: 60, outputTokens: 30, reasoningTokens: 20 };

  meter.modelCalled("known", "completed", { ...use, costUsd: 0.5 });
  meter.modelCalled("of-our-own", "completed", { ...use, costUsd: null });
  meter.modelCalled("known", "MODEL_SILENT", null);
  meter.modelRetried("MODEL_UNAVAILABLE");
  meter.circuitChanged("open");

  const lines = await linesOf(metrics);
  expect(lines).toEqual(
    expect.arrayContaining([
      'counterhand_model_calls_total{model="known",result="completed"} 1',
      'counterhand_model_calls_total{model="known",result="MODEL_SILENT"} 1',
      'counterhand_model_tokens_total{kind="input"} 80',
      'counterhand_model_tokens_total{kind="cached_input"} 120',
      'counterhand_model_tokens_total{kind="output"} 20',
      'counterhand_model_tokens_total{kind="reasoning"} 40',
      'counterhand_model_retries_total{reason="MODEL_UNAVAILABLE"} 1',
      'counterhand_model_circuit_state{state="open"} 1',
    ]),
  );
  expect(lines.filter((line) => line.startsWith("counterhand_model_cost"))).toEqual([
    'counterhand_model_cost_dollars_total{model="known"} 0.5',
  ]);
  expect(lines.filter((line) => line.startsWith("counterhand_model_circuit"))).toHaveLength(1);
});

test("durations and the waits of 429s are in seconds", async () => {
  const metrics = open();
  const { meter } = metrics;

  meter.firstTextShown(0.8);
  meter.textShown(0.5);
  meter.toolEnded("CheckOutOfStock", "succeeded", 0.02);
  meter.toolEnded(null, "failed", 0.001);
  meter.telegramCalled("sendMessage", "wait");
  meter.telegramRateLimited(7);
  meter.messageMaybeDuplicated();

  expect(await linesOf(metrics)).toEqual(
    expect.arrayContaining([
      "counterhand_first_text_seconds_sum 0.8",
      "counterhand_text_staleness_seconds_sum 0.5",
      'counterhand_tool_duration_seconds_count{tool="CheckOutOfStock",result="succeeded"} 1',
      'counterhand_tool_duration_seconds_count{tool="unknown",result="failed"} 1',
      'counterhand_telegram_calls_total{method="sendMessage",result="wait"} 1',
      "counterhand_telegram_retry_after_seconds_sum 7",
      "counterhand_messages_maybe_doubled_total 1",
    ]),
  );
});

test("counting never fails: NaN, infinite and negative values throw nothing and change no sum", async () => {
  const metrics = open();
  const { meter } = metrics;
  const odd = { inputTokens: Number.NaN, cachedInputTokens: 5, outputTokens: -3, reasoningTokens: 0, costUsd: -1 };

  meter.modelCalled("odd", "completed", odd);
  meter.firstTextShown(-2);
  meter.textShown(Number.NaN);
  meter.telegramRateLimited(Number.POSITIVE_INFINITY);

  const lines = await linesOf(metrics);
  expect(lines.filter((line) => /tokens|cost|_sum/.test(line))).toEqual([
    'counterhand_model_tokens_total{kind="cached_input"} 5',
  ]);
  expect(lines).toContain("counterhand_first_text_seconds_count 1");
});

test("two products in one process do not count each other", async () => {
  const [one, other] = [open(), open()];

  one.meter.messageMaybeDuplicated();

  expect(await one.scrape()).toContain("counterhand_messages_maybe_doubled_total 1\n");
  expect(await other.scrape()).toContain("counterhand_messages_maybe_doubled_total 0\n");
});
