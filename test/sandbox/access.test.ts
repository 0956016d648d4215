/** The sandbox and a real bot on the same database, as processes: nothing created by one is valid in the other. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createTelegramStandIn, type TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { products, realBots } from "../../src/db/schema/index.ts";
import { inviteFrom } from "../bot/bot-support.ts";
import { insertStaffMember } from "../support/conversations.ts";
import { createTestDatabase, onTestServer, type TestDatabase } from "../support/database.ts";
import { type StartedProcess, startProcess } from "../support/process.ts";
import { visitSandbox } from "../support/sandbox-page.ts";

const TOKEN = "123456789:AAF-a-token-that-nobody-has-at-telegram";
const texts = textsIn("en");
let dataDir = "";
let store: TestDatabase;
let telegram: TelegramStandIn;
const processes: StartedProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "counterhand-apart-"));
  store = await createTestDatabase();
  telegram = await createTelegramStandIn({ token: TOKEN });
});
afterEach(async () => {
  for (const started of processes.splice(0)) {
    started.kill("SIGTERM");
    await started.exit;
  }
  await telegram.close();
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

function start(env: Record<string, string> = {}, name = "main", args: string[] = []): StartedProcess {
  const started = startProcess(name, { env: { DATA_DIR: dataDir, PORT: "0", ...env }, args });
  processes.push(started);
  return started;
}

/** The environment for the test's own database. */
function onTestDatabase(): Record<string, string> {
  const { socketDir, user } = inject("testServer");
  return { DATABASE_URL: `postgres://${user}@localhost/${store.name}?host=${socketDir}` };
}

function socketPath(): string {
  return join(inject("testServer").socketDir, ".s.PGSQL.5432");
}

/** The environment of a real bot. */
function realBot(): Record<string, string> {
  return { TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT: telegram.apiRoot, ALLOW_SCRIPTED_MODEL: "1" };
}

/** Waits until the process is ready. @returns the address of its HTTP server. */
async function waitUntilReady(started: StartedProcess): Promise<string> {
  await started.waitFor(/"msg":"ready"/);
  const [, address = ""] = await started.waitFor(/"msg":"GraphQL: (http:\S+)\/graphql"/);
  return address;
}

async function stop(started: StartedProcess): Promise<void> {
  started.kill("SIGTERM");
  await started.exit;
}

/** The error message of a refused start, without its log. */
async function refusalOf(started: StartedProcess): Promise<string> {
  expect(await started.exit).toBe(1);
  return started
    .output()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("{"))
    .join("\n");
}

async function ask(address: string, token: string, query: string) {
  const response = await fetch(`${address}/graphql`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ query }),
  });
  return { status: response.status, body: (await response.json()) as { data?: Record<string, { nodes: unknown[] }> } };
}

const LISTS =
  "{ staff { nodes { name } } invites { nodes { role status } } adminTokens { nodes { id name } } viewer { name } }";

/** Writes on the sandbox's page as its owner. @returns the first group of `answer` in the bot's answer. */
async function writeInSandbox(sandbox: StartedProcess, text: string, answer: RegExp): Promise<string> {
  const page = await visitSandbox(sandbox);
  const events = await page.events();
  await page.write(text);
  let received = "";
  for await (const chunk of events.body ?? []) {
    received += Buffer.from(chunk).toString("utf8");
    const found = answer.exec(received);
    if (found) return found[1] ?? "";
  }
  throw new Error(`the page's events ended before ${answer} came`);
}

async function makeToken(env: Record<string, string>): Promise<{ token: string; output: string }> {
  const started = start(env, "token", ["--name", "made", "--scope", "admin"]);
  expect(await started.exit).toBe(0);
  return { token: started.output().match(/^ch_\S+$/m)?.[0] ?? "", output: started.output() };
}

test("invites and tokens of the sandbox are not valid for the real bot, nor those of the real bot in the sandbox", async () => {
  const env = onTestDatabase();
  // The sandbox: create an owner invite and an admin token.
  const sandbox = start(env);
  const page = await waitUntilReady(sandbox);
  const code = await writeInSandbox(sandbox, "/invite owner", /\?start=([\w-]+)/);
  const made = await makeToken(env);
  const inSandbox = await ask(page, made.token, LISTS);
  const adminToken = (await readFile(join(dataDir, "admin-token"), "utf8")).trim();
  const configured = await ask(page, adminToken, LISTS);
  await stop(sandbox);

  expect(made.output).toContain("It opens the sandbox only");
  expect(inSandbox.body.data).toMatchObject({
    staff: { nodes: [{ name: "Lan" }] },
    invites: { nodes: [{ role: "OWNER", status: "OPEN" }] },
    adminTokens: { nodes: [{ name: "made" }] },
  });
  expect(configured.status).toBe(200);

  // The real bot on the same database accepts neither, and still creates an invite link for its first owner.
  const bot = start({ ...env, ...realBot() });
  const address = await waitUntilReady(bot);
  await bot.waitFor(/owner-invite/);
  const [, ownersCode] = (await readFile(join(dataDir, "owner-invite"), "utf8")).match(/start=(\S+)/) ?? [];
  const intruder = telegram.privateChat(telegram.person({ first_name: "Eve" }));
  intruder.send(`/start ${code}`);
  await intruder.waitForBotMessage(texts.inviteUnknown);
  const owner = telegram.privateChat(telegram.person({ id: 42, first_name: "Mai" }));
  owner.send(`/start ${ownersCode}`);
  await owner.waitForBotMessage(/Your role: owner/);
  const realToken = await makeToken({ ...env, ...realBot() });
  const [refused, lists] = [await ask(address, made.token, LISTS), await ask(address, realToken.token, LISTS)];
  const withFile = await ask(address, adminToken, LISTS);
  await inviteFrom(owner, "staff");
  await stop(bot);

  expect(refused.status).toBe(401);
  expect(lists.body.data).toMatchObject({
    staff: { nodes: [{ name: "Mai" }] },
    invites: { nodes: [{ role: "OWNER", status: "USED" }] },
    adminTokens: { nodes: [{ name: "made" }] },
  });
  expect(lists.body.data?.adminTokens).not.toEqual(inSandbox.body.data?.adminTokens);
  expect(withFile.status).toBe(200);
  expect(realToken.output).not.toContain("sandbox");

  // Back to the sandbox, which now needs SANDBOX=1. Its owner cannot remove the real owner.
  const again = start({ ...env, SANDBOX: "1" });
  const secondPage = await waitUntilReady(again);
  await writeInSandbox(again, "/remove 42", /(I can't find a staff member with that name)/);
  const [back, foreign] = [await ask(secondPage, made.token, LISTS), await ask(secondPage, realToken.token, LISTS)];

  expect(back.body.data).toEqual(inSandbox.body.data);
  expect(foreign.status).toBe(401);
});

test("a sandbox and its token command are refused on a real bot's database; SANDBOX=1 allows both", async () => {
  const env = onTestDatabase();
  await store.db.insert(realBots).values({ id: 123_456_789 });

  const reason = `Without TELEGRAM_BOT_TOKEN the sandbox starts, but a real bot has used ${store.name} at ${socketPath()} (DATABASE_URL). Set TELEGRAM_BOT_TOKEN to start the real bot, or SANDBOX=1 to run the sandbox on this data.`;
  expect(await refusalOf(start({ ...env, TELEGRAM_BOT_TOKEN: "" }))).toBe(reason);
  expect(await refusalOf(start(env, "token"))).toBe(reason);
  await waitUntilReady(start({ ...env, SANDBOX: "1" }));
  expect((await makeToken({ ...env, SANDBOX: "1" })).output).toContain("It opens the sandbox only");
});

test("a sandbox is refused on a database of DATABASE_URL that holds real people or figures", async () => {
  const env = onTestDatabase();
  await store.db.insert(products).values({ sku: "CF", name: "Coffee" });

  expect(await refusalOf(start(env))).toMatch(/there are a shop's figures in test_.* SANDBOX=1/);
  await store.db.delete(products);
  await insertStaffMember(store.db, { removedAt: new Date() });
  expect(await refusalOf(start(env))).toMatch(/there are real people in test_.* SANDBOX=1/);
});

test("on the embedded database a sandbox runs with imported figures, and is refused once a real bot has started", async () => {
  const file = join(dataDir, "products.csv");
  await writeFile(file, "sku,name,category,price,cost,stock,reorder_level\nCF,Coffee,Drinks,30000,10000,5,2\n");
  const importing = start({}, "import", ["products", file]);
  expect(await importing.exit).toBe(0);
  const sandbox = start();
  await waitUntilReady(sandbox);
  expect(sandbox.output()).toContain('"database":"counterhand on the embedded');
  await stop(sandbox);
  const bot = start(realBot());
  await waitUntilReady(bot);
  await stop(bot);

  expect(await refusalOf(start({ TELEGRAM_BOT_TOKEN: "" }))).toMatch(
    /a real bot has used counterhand on the embedded PostgreSQL .* Set TELEGRAM_BOT_TOKEN/,
  );
  expect(await readdir(join(dataDir, "pg18"))).not.toContain("postmaster.pid");
});

test("a sandbox exits when a real bot starts on its database, and the bot keeps running", async () => {
  const env = onTestDatabase();
  const sandbox = start(env);
  await waitUntilReady(sandbox);

  const address = await waitUntilReady(start({ ...env, ...realBot() }));

  expect(await refusalOf(sandbox)).toMatch(/^Without TELEGRAM_BOT_TOKEN the sandbox starts, but a real bot has used /);
  expect((await fetch(`${address}/healthz`)).status).toBe(200);
});

test("a second sandbox on the same database is refused; after the first was killed it starts", async () => {
  const env = onTestDatabase();
  const first = start(env);
  await waitUntilReady(first);

  expect(await refusalOf(start(env))).toBe(
    `Another sandbox already runs on ${store.name} at ${socketPath()} (DATABASE_URL): stop it, or set DATABASE_URL to another database.`,
  );
  first.kill("SIGKILL");
  await first.exit;
  const next = start(env);
  await waitUntilReady(next);
  await writeInSandbox(next, "/help", /(Ask me in your own words)/);
});

test("a sandbox that lost its database connections locks out other sandboxes again", async () => {
  const env = onTestDatabase();
  const first = start(env);
  await waitUntilReady(first);

  await onTestServer(
    (session) => session`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${store.name}`,
  );
  await expect.poll(async () => isSandboxLocked()).toBe(true);

  expect(await refusalOf(start(env))).toMatch(/^Another sandbox already runs on /);
  const address = await waitUntilReady(first);
  await expect.poll(async () => (await fetch(`${address}/healthz`)).status).toBe(200);
});

test.each([-25, 25])("with a clock %d h off the database's, the owner's link and /invite work", async (hours) => {
  const NODE_OPTIONS = `--import=${new URL("../support/fixtures/shifted-clock.ts", import.meta.url).href}`;
  const bot = start({ ...onTestDatabase(), ...realBot(), NODE_OPTIONS, SHIFT_HOURS: String(hours) });
  const address = await waitUntilReady(bot);
  await bot.waitFor(/owner-invite/);
  const [, code] = (await readFile(join(dataDir, "owner-invite"), "utf8")).match(/start=(\S+)/) ?? [];

  const owner = telegram.privateChat(telegram.person({ first_name: "Mai" }));
  owner.send(`/start ${code}`);
  await owner.waitForBotMessage(/Your role: owner/);
  const invite = await inviteFrom(owner, "staff");
  const linh = telegram.privateChat(telegram.person({ first_name: "Linh" }));
  linh.send(`/start ${invite}`);
  await linh.waitForBotMessage(/Your role: staff member/);
  const adminToken = (await readFile(join(dataDir, "admin-token"), "utf8")).trim();
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const { body } = await ask(
    address,
    adminToken,
    `mutation { createAdminToken(input: { name: "hour", expiresAt: "${expiresAt}" }) { adminToken { status } userErrors { code } } }`,
  );

  expect(body.data).toEqual({ createAdminToken: { adminToken: { status: "VALID" }, userErrors: [] } });
});

/** Whether a session of the test's database holds the sandbox's lock. */
async function isSandboxLocked(): Promise<boolean> {
  const rows = await onTestServer(
    (session) => session`select 1 from pg_locks join pg_database on pg_database.oid = database
      where locktype = 'advisory' and granted and datname = ${store.name}
        and (classid::bigint << 32 | objid::bigint) = 7016020004`,
  );
  return rows.length > 0;
}
