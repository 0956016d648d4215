import { afterEach, expect, test } from "vitest";
import { calls, fails, says, scripted } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";
import { ADMIN_TOKEN, startTestApp, type TestApp } from "../../support/app.ts";

let running: TestApp | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(...turns: Turn[]): Promise<TestApp> {
  running = await startTestApp(scripted(turns));
  return running;
}

/** The value of a series; 0 when the series is absent. */
async function seriesValue(app: TestApp, series: string): Promise<number> {
  const text = await (
    await fetch(`${app.app().address}/metrics`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  ).text();
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}

test("a conversation is counted: model calls and tokens, tool calls, Bot API calls including a 429", async () => {
  const app = await start(calls({ name: "CheckOutOfStock" }, { name: "NoSuchTool" }), says("All is well."));
  app.telegram.failNext("sendMessage", { kind: "too-many-requests", retryAfterSeconds: 1 });
  const chat = await app.staff("manager");

  chat.send("what's running out?");
  await chat.waitForBotMessage(({ text, reply_markup: markup }) => text === "All is well." && !markup);

  const count = (series: string) => seriesValue(app, series);
  expect(await count('counterhand_model_calls_total{model="test-model",result="completed"}')).toBe(2);
  expect(await count('counterhand_model_tokens_total{kind="output"}')).toBeGreaterThan(0);
  expect(await count('counterhand_model_cost_dollars_total{model="test-model"}')).toBe(0);
  expect(await count('counterhand_tool_duration_seconds_count{tool="CheckOutOfStock",result="succeeded"}')).toBe(1);
  expect(await count('counterhand_tool_duration_seconds_count{tool="unknown",result="failed"}')).toBe(1);
  expect(await count('counterhand_telegram_calls_total{method="sendMessage",result="wait"}')).toBe(1);
  expect(await count("counterhand_telegram_retry_after_seconds_sum")).toBe(1);
  expect(await count('counterhand_telegram_calls_total{method="sendMessage",result="done"}')).toBeGreaterThan(0);
  expect(await count('counterhand_telegram_calls_total{method="getUpdates",result="done"}')).toBeGreaterThan(0);
});

test("failed calls are counted by their error", async () => {
  const app = await start(fails({ status: 404 }));
  app.telegram.failNext("sendMessage", { kind: "drop-before" });
  const chat = await app.staff();

  chat.send("hello");
  await chat.waitForBotMessage(({ text }) => text !== undefined);

  expect(
    await seriesValue(app, 'counterhand_model_calls_total{model="test-model",result="MODEL_REFUSED_REQUEST"}'),
  ).toBe(1);
  expect(await seriesValue(app, 'counterhand_telegram_calls_total{method="sendMessage",result="unknown"}')).toBe(1);
});
