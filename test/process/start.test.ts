import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createTelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import { openSession } from "../../src/db/client.ts";
import { type StartedProcess, startProcess } from "../support/process.ts";
import { visitSandbox } from "../support/sandbox-page.ts";

let dataDir = "";
const processes: StartedProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "counterhand-start-"));
});

afterEach(async () => {
  for (const started of processes.splice(0)) {
    started.kill("SIGTERM");
    await started.exit;
  }
  await rm(dataDir, { recursive: true, force: true });
});

function start(env: Record<string, string> = {}, name = "main", args: string[] = []): StartedProcess {
  const started = startProcess(name, { env: { DATA_DIR: dataDir, PORT: "0", ...env }, args });
  processes.push(started);
  return started;
}

const TOKEN = "123456789:AAF-a-token-that-nobody-has-at-telegram";

test("without any account it starts the sandbox, answers a question there, and stops cleanly", async () => {
  const started = start();
  const page = await visitSandbox(started);
  const [, address] = await started.waitFor(/chat with the bot: (http:\S+)\/sandbox/);
  expect((await fetch(`${address}/healthz`)).status).toBe(200);
  const events = await page.events();

  await page.write("what's running out?");
  const shown = await readUntil(events, /2 products are out of stock, 3 are low.*Scripted answer from the sandbox/s);
  const token = (await readFile(join(dataDir, "admin-token"), "utf8")).trim();
  const answer = await fetch(`${address}/graphql`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ query: "{ toolCalls { nodes { name status } } }" }),
  });
  started.kill("SIGTERM");

  expect(shown).toContain("2 products are out of stock");
  expect(await answer.json()).toEqual({
    data: { toolCalls: { nodes: [{ name: "CheckOutOfStock", status: "SUCCEEDED" }] } },
  });
  expect(await started.exit).toBe(0);
  expect(started.output()).toMatch(/SANDBOX.*NO MODEL|NO MODEL.*SANDBOX/s);
  expect(started.output()).not.toContain(token);
  expect(started.output()).not.toContain("running out?");
  expect((await stat(join(dataDir, "admin-token"))).mode & 0o777).toBe(0o600);
});

test("the printed curl line contains no token, and works as printed", async () => {
  const started = start();
  const [, line = ""] = await started.waitFor(/"msg":"try: (curl .*)"\}/);
  const [, url = ""] = line.match(/curl -s (\S+)/) ?? [];
  const [, file = ""] = line.match(/\$\(cat (\S+)\)/) ?? [];
  const [, body = ""] = line.match(/-d '(.*)'$/) ?? [];

  const token = (await readFile(file, "utf8")).trim();
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/graphql" },
    body,
  });

  expect(await response.json()).toEqual({ data: { threads: { nodes: [] } } });
  expect(line).not.toContain(token);
  // A line of a JSON log escapes these, and could not be copied.
  expect(line).not.toMatch(/["\\]/);
});

test("a signal during the start cancels it and leaves no database server behind", async () => {
  const started = start();
  await started.waitFor(/embedded database started/);

  started.kill("SIGTERM");
  const code = await started.exit;

  expect(code).toBe(0);
  expect(started.output()).toMatch(/"msg":"stopped"/);
  expect(started.output()).not.toContain("unexpectedly");
  expect(await readdir(join(dataDir, "pg18"))).not.toContain("postmaster.pid");
});

test("an invalid configuration gives one message with every error, exit code 1, and no stack trace", async () => {
  const started = start({
    PORT: "http",
    SHOP_TIME_ZONE: "Saigon",
    DATABASE_URL: "mysql://u:hunter2@h/d",
    TELEGRAM_BOT_TOKEN: TOKEN,
  });

  expect(await started.exit).toBe(1);
  expect(started.output().split("\n")).toEqual([
    "The configuration has 4 errors:",
    expect.stringContaining("DATABASE_URL must be a postgres://"),
    expect.stringContaining("PORT must be a whole number"),
    expect.stringContaining("SHOP_TIME_ZONE is not an IANA time zone"),
    expect.stringContaining("OPENAI_API_KEY is missing"),
    "",
  ]);
  expect(started.output()).not.toContain("hunter2");
});

test("a taken port gives one sentence that names PORT", async () => {
  const other = createServer();
  await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
  const { port } = other.address() as { port: number };

  const started = start({ PORT: String(port) });
  const code = await started.exit;
  await new Promise((closed) => other.close(closed));

  expect(code).toBe(1);
  expect(lastLines(started)).toContain(
    `Port ${port} is in use by another process: stop it, or set PORT to a free port.`,
  );
  expect(started.output()).not.toContain("    at ");
  // Before anything slow: no database was made.
  expect(await readdir(dataDir)).toEqual([]);
});

test("an unwritable DATA_DIR gives one sentence", async () => {
  const file = join(dataDir, "a-file");
  await writeFile(file, "");

  // Below a file, and where the system makes no folders: Node's recursive mkdir never ends there.
  for (const folder of [join(file, "inside"), "/proc/counterhand"]) {
    const started = start({ DATA_DIR: folder });

    expect(await started.exit).toBe(1);
    expect(started.output()).toMatch(/DATA_DIR/);
    expect(started.output()).not.toContain("    at ");
  }
});

test("an unreachable database gives one sentence without the password", async () => {
  const started = start({ DATABASE_URL: "postgres://shop:hunter2@127.0.0.1:1/shop" });

  expect(await started.exit).toBe(1);
  expect(lastLines(started)).toMatch(/^Cannot reach the database at 127\.0\.0\.1:1 \(ECONNREFUSED\)/m);
  expect(started.output()).not.toContain("hunter2");
  expect(started.output()).not.toContain("    at ");
});

test("a token that Telegram refuses gives one sentence", async () => {
  const telegram = await createTelegramStandIn({ token: "1:another" });

  const started = start({ TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT: telegram.apiRoot, ALLOW_SCRIPTED_MODEL: "1" });
  const code = await started.exit;
  await telegram.close();

  expect(code).toBe(1);
  expect(lastLines(started)).toContain("Telegram refuses TELEGRAM_BOT_TOKEN");
  expect(started.output()).not.toContain(TOKEN);
});

test("an unreachable Telegram gives one sentence that names TELEGRAM_PROXY", async () => {
  const started = start({
    TELEGRAM_BOT_TOKEN: TOKEN,
    TELEGRAM_API_ROOT: "http://127.0.0.1:1",
    ALLOW_SCRIPTED_MODEL: "1",
  });

  expect(await started.exit).toBe(1);
  expect(lastLines(started)).toMatch(
    /Cannot reach Telegram at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*TELEGRAM_PROXY/s,
  );
  expect(started.output()).not.toContain(TOKEN);
});

test("with a token and no owner, a file that only this user may read holds an owner's invite link", async () => {
  const telegram = await createTelegramStandIn({ token: TOKEN });
  const started = start({ TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT: telegram.apiRoot, ALLOW_SCRIPTED_MODEL: "1" });
  await started.waitFor(/"msg":"ready"/);
  await started.waitFor(/owner-invite/);
  const file = join(dataDir, "owner-invite");
  const [, code = ""] = (await readFile(file, "utf8")).match(/start=(\S+)/) ?? [];

  const chat = telegram.privateChat(telegram.person({ first_name: "Lan", language_code: "vi" }));
  chat.send(`/start ${code}`);
  await chat.waitForBotMessage(/Chào mừng bạn đến với Xi Pho Coffee.*chủ quán/);
  started.kill("SIGTERM");
  await started.exit;
  await telegram.close();

  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(started.output()).not.toContain(code);
  expect(started.output()).not.toContain(TOKEN);
});

test("once owners are configured, the link of an earlier start makes nobody an owner", async () => {
  const telegram = await createTelegramStandIn({ token: TOKEN });
  const env = { TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT: telegram.apiRoot, ALLOW_SCRIPTED_MODEL: "1" };
  const first = start(env);
  await first.waitFor(/owner-invite/);
  const [, code = ""] = (await readFile(join(dataDir, "owner-invite"), "utf8")).match(/start=(\S+)/) ?? [];
  first.kill("SIGTERM");
  await first.exit;
  const second = start({ ...env, OWNER_TELEGRAM_IDS: "9001" });
  await second.waitFor(/"msg":"ready"/);

  const chat = telegram.privateChat(telegram.person({ first_name: "Eve" }));
  chat.send(`/start ${code}`);
  const { text } = await chat.waitForBotMessage(/./);
  second.kill("SIGTERM");
  await second.exit;
  await telegram.close();

  expect(text).toMatch(/This invite link has expired/);
});

test("a configured database is never seeded", async () => {
  const { socketDir, user } = inject("testServer");
  const name = `given_${process.pid}_${Date.now()}`;
  const server = openSession({ socketDir, user, database: "postgres" }, "test");
  await server`create database ${server(name)}`;
  const url = `postgres://${user}@localhost/${name}?host=${socketDir}`;

  const started = start({ DATABASE_URL: url });
  await started.waitFor(/"msg":"ready"/);
  const given = openSession({ socketDir, user, database: name }, "test");
  const [counts] =
    await given`select (select count(*) from products)::int as products, (select count(*) from staff)::int as staff`;
  await given.end();
  started.kill("SIGTERM");

  expect(await started.exit).toBe(0);
  expect(counts).toEqual({ products: 0, staff: 0 });
  await server`drop database ${server(name)} with (force)`;
  await server.end();
});

test("an old Node prints one sentence with what to do", async () => {
  const { spawnSync } = await import("node:child_process");
  const guard = new URL("../../scripts/check-node.cjs", import.meta.url).pathname;
  const script = `Object.defineProperty(process.versions, "node", { value: "20.20.2" }); require(${JSON.stringify(guard)});`;

  const { status, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });

  expect(status).toBe(1);
  expect(stderr).toMatch(/^Counterhand needs Node 26 and found 20\.20\.2\. .*npm ci.*--ignore-scripts.*\n$/);
});

function lastLines(started: StartedProcess): string {
  return started.output().trim().split("\n").slice(-3).join("\n");
}

/** Reads a stream of events until its text matches. */
async function readUntil(response: Response, pattern: RegExp): Promise<string> {
  let text = "";
  if (!response.body) throw new Error("the stream has no body");
  for await (const chunk of response.body) {
    text += Buffer.from(chunk).toString("utf8");
    if (pattern.test(text)) return text;
  }
  throw new Error(`the stream ended before ${pattern} came`);
}
