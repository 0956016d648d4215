/** The whole product while its database is unavailable, and after it is back. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { repeats } from "./bot/bot-support.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { onTestServer } from "./support/database.ts";

let app: TestApp;
beforeEach(async () => {
  app = await startTestApp(repeats);
});
afterEach(() => app.close());

const health = async () => (await fetch(`${app.app().address}/healthz`)).status;

/** Closes the database to all connections and terminates the existing ones, or opens it again. */
async function allow(isAllowed: boolean): Promise<void> {
  const { name } = app.test;
  await onTestServer(async (session) => {
    await session`alter database ${session(name)} allow_connections ${session.unsafe(String(isAllowed))}`;
    if (!isAllowed) {
      await session`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${name}`;
    }
  });
}

test("while the database is unavailable the process lives and reports that it is not ready; messages are answered later", async () => {
  const chat = await app.staff();
  chat.send("one");
  await chat.waitForBotMessage("Answer: one");
  const before = await health();

  await allow(false);
  await expect.poll(health).toBe(503);
  chat.send("two");
  await allow(true);
  await chat.waitForBotMessage("Answer: two");

  expect(before).toBe(200);
  await expect.poll(health).toBe(200);
  expect(chat.botMessages().map(({ text }) => text)).toEqual(["Answer: one", "Answer: two"]);
});
