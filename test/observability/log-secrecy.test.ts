import { sql } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { fails, says } from "../../sandbox/model/script.ts";
import type { ModelRequestBody, Turn } from "../../sandbox/model/turn.ts";
import { ADMIN_TOKEN, BOT_TOKEN, startTestApp, type TestApp } from "../support/app.ts";
import { createCapturedLog } from "../support/log.ts";

let running: TestApp | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

/** Unlike a real provider's key, no pattern redacts it, so it must never reach a log line in the first place. */
const API_KEY = "a-key-for-tests-of-the-model-server";

/** What people write, with words that the product itself never uses. */
const QUESTION = "Quokka beans: how many are left?";
const ANSWER = "Zanzibar says that four are left.";
const FAILING = "Wombat: please fail.";
const HALF_SAID = "Platypus, half a sentence of";
const NOT_STORED = "Axolotl: the database refuses this one.";
const COMMAND = "/invite Okapi";

const TURNS: Record<string, Turn> = {
  [QUESTION]: says(ANSWER),
  [FAILING]: fails(
    { kind: "failed", code: "server_error", message: `Overloaded by ${API_KEY}` },
    { kind: "text", text: [HALF_SAID] },
  ),
};

function answer({ body }: { body: ModelRequestBody }): Turn {
  const { input } = body;
  const question = Array.isArray(input) ? input.findLast((item) => item.role === "user")?.content : input;
  return TURNS[String(question)] ?? says("?");
}

/** Makes the database reject one message, and quote it in its error, during `work`. */
async function withRefusal(app: TestApp, work: () => Promise<void>): Promise<void> {
  const { db } = app.test;
  await db.execute(sql`alter table messages add constraint no_axolotl check (text not like 'Axolotl%')`);
  await work();
  await db.execute(sql`alter table messages drop constraint no_axolotl`);
}

test("after failures of all kinds the log has no message text, no token and no key, even at level trace", async () => {
  const log = createCapturedLog({ level: "trace" });
  const app = await startTestApp(answer, { logger: log.logger, apiKey: API_KEY });
  running = app;
  const chat = await app.staff("owner", { first_name: "Numbat" });
  const shown = (part: string) => chat.waitForBotMessage(({ text }) => text?.includes(part) ?? false);

  app.telegram.failNext("sendMessage", { kind: "too-many-requests", retryAfterSeconds: 1 });
  app.telegram.failNext("editMessageText", { kind: "http", status: 502, body: "<html>Bad Gateway</html>" });
  chat.send(QUESTION);
  await shown(ANSWER);
  app.telegram.failNext("sendMessage", { kind: "drop-before" });
  chat.send(FAILING);
  await shown(HALF_SAID);
  chat.send(COMMAND);
  await withRefusal(app, async () => {
    chat.send(NOT_STORED);
    await expect.poll(log.text).toContain("update skipped");
  });
  await expect.poll(() => chat.botMessages().filter(({ text }) => text?.includes(ANSWER))).toHaveLength(1);
  await fetch(`${app.app().address}/graphql?query={viewer{name}}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  await app.graphql("{ threads { nodes { messages { nodes { text } } } } }");
  await app.close();
  running = undefined;

  const written = log.text();
  const phrases = new Set(log.lines().map(({ msg }) => msg));
  for (const phrase of ["run ended", "update skipped: it failed every time", "Telegram did not answer: trying again"]) {
    expect(phrases).toContain(phrase);
  }
  expect(written).toContain("23514");
  const words = ["Quokka", "Zanzibar", "Wombat", "Platypus", "Axolotl:", "Okapi", "Numbat"];
  const tokens = [BOT_TOKEN, ADMIN_TOKEN, API_KEY, BOT_TOKEN.split(":")[1] ?? ""];
  expect([...words, ...tokens].filter((secret) => written.includes(secret))).toEqual([]);
});
