/** The sandbox and a real bot on the same data, as processes: nothing of the one is worth anything in the other. */
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

/** On the test's own database. */
function given(): Record<string, string> {
  const { socketDir, user } = inject("testServer");
  return { DATABASE_URL: `postgres://${user}@localhost/${store.name}?host=${socketDir}` };
}

function real(): Record<string, string> {
  return { TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT: telegram.apiRoot, ALLOW_SCRIPTED_MODEL: "1" };
}

/** The address of its HTTP server, once it is ready. */
async function ready(started: StartedProcess): Promise<string> {
  await started.waitFor(/"msg":"ready"/);
  const [, address = ""] = await started.waitFor(/"msg":"GraphQL: (http:\S+)\/graphql"/);
  return address;
}

async function stop(started: StartedProcess): Promise<void> {
  started.kill("SIGTERM");
  await started.exit;
}

/** What a start that is refused says, without its log. */
async function refusal(started: StartedProcess): Promise<string> {
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

/** Writes on the sandbox's page as its owner. @returns what the bot's answer has in the first group of `answer`. */
async function writeInSandbox(sandbox: StartedProcess, text: string, answer: RegExp): Promise<string> {
  const page = await visitSandbox(sandbox);
  const events = await page.events();
  await page.write(text);
  let shown = "";
  for await (const chunk of events.body ?? []) {
    shown += Buffer.from(chunk).toString("utf8");
    const found = answer.exec(shown);
    if (found) return found[1] ?? "";
  }
  throw new Error(`the page's events ended before ${answer} came`);
}

async function makeToken(env: Record<string, string>): Promise<{ token: string; output: string }> {
  const started = start(env, "token", ["--name", "made", "--scope", "admin"]);
  expect(await started.exit).toBe(0);
  return { token: started.output().match(/^ch_\S+$/m)?.[0] ?? "", output: started.output() };
}

test("what is made in the sandbox is worth nothing to the real bot, and what is real nothing in the sandbox", async () => {
  const env = given();
  // The sandbox: an invite to be an owner, and an admin token.
  const sandbox = start(env);
  const page = await ready(sandbox);
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

  // The real bot on the same data knows nothing of it, and still offers a link to its first owner.
  const bot = start({ ...env, ...real() });
  const address = await ready(bot);
  await bot.waitFor(/owner-invite/);
  const [, ownersCode] = (await readFile(join(dataDir, "owner-invite"), "utf8")).match(/start=(\S+)/) ?? [];
  const intruder = telegram.privateChat(telegram.person({ first_name: "Eve" }));
  intruder.send(`/start ${code}`);
  await intruder.waitForBotMessage(texts.inviteUnknown);
  const owner = telegram.privateChat(telegram.person({ id: 42, first_name: "Mai" }));
  owner.send(`/start ${ownersCode}`);
  await owner.waitForBotMessage(/Your role: owner/);
  const realToken = await makeToken({ ...env, ...real() });
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

  // Back to the sandbox, which has to be asked for now; its owner can do nothing to the real one.
  const again = start({ ...env, SANDBOX: "1" });
  const secondPage = await ready(again);
  await writeInSandbox(again, "/remove 42", /(I find no member of the staff by that name)/);
  const [back, foreign] = [await ask(secondPage, made.token, LISTS), await ask(secondPage, realToken.token, LISTS)];

  expect(back.body.data).toEqual(inSandbox.body.data);
  expect(foreign.status).toBe(401);
});

test("a sandbox is refused on a database where a real bot has started, and so is a token for it; SANDBOX=1 allows both", async () => {
  const env = given();
  await store.db.insert(realBots).values({ id: 123_456_789 });

  const reason = `Without TELEGRAM_BOT_TOKEN this is the sandbox, and a real bot has worked on localhost/${store.name} (DATABASE_URL). Set TELEGRAM_BOT_TOKEN for the real bot, or SANDBOX=1 for a sandbox on this data.`;
  expect(await refusal(start({ ...env, TELEGRAM_BOT_TOKEN: "" }))).toBe(reason);
  expect(await refusal(start(env, "token"))).toBe(reason);
  await ready(start({ ...env, SANDBOX: "1" }));
  expect((await makeToken({ ...env, SANDBOX: "1" })).output).toContain("It opens the sandbox only");
});

test("a sandbox is refused on a given database with real people, or with figures", async () => {
  const env = given();
  await store.db.insert(products).values({ sku: "CF", name: "Coffee" });

  expect(await refusal(start(env))).toMatch(/there are figures of a shop in localhost\/.* SANDBOX=1/);
  await store.db.delete(products);
  await insertStaffMember(store.db, { removedAt: new Date() });
  expect(await refusal(start(env))).toMatch(/there are real people in localhost\/.* SANDBOX=1/);
});

test("with the embedded database a sandbox runs on imported figures, and is refused once a real bot has started", async () => {
  const file = join(dataDir, "products.csv");
  await writeFile(file, "sku,name,category,price,cost,stock,reorder_level\nCF,Coffee,Drinks,30000,10000,5,2\n");
  const importing = start({}, "import", ["products", file]);
  expect(await importing.exit).toBe(0);
  const sandbox = start();
  await ready(sandbox);
  expect(sandbox.output()).toContain('"database":"counterhand on the embedded');
  await stop(sandbox);
  const bot = start(real());
  await ready(bot);
  await stop(bot);

  expect(await refusal(start({ TELEGRAM_BOT_TOKEN: "" }))).toMatch(
    /a real bot has worked on counterhand on the embedded PostgreSQL .* Set TELEGRAM_BOT_TOKEN/,
  );
  expect(await readdir(join(dataDir, "pg18"))).not.toContain("postmaster.pid");
});

test("a sandbox ends when a real bot starts on its database, and the bot goes on", async () => {
  const env = given();
  const sandbox = start(env);
  await ready(sandbox);

  const address = await ready(start({ ...env, ...real() }));

  expect(await refusal(sandbox)).toMatch(
    /^Without TELEGRAM_BOT_TOKEN this is the sandbox, and a real bot has worked on /,
  );
  expect((await fetch(`${address}/healthz`)).status).toBe(200);
});

test("a second sandbox on the same data is refused; one that was killed is no obstacle", async () => {
  const env = given();
  const first = start(env);
  await ready(first);

  expect(await refusal(start(env))).toBe(
    `Another sandbox runs on localhost/${store.name} (DATABASE_URL): stop that one, or set DATABASE_URL to another database.`,
  );
  first.kill("SIGKILL");
  await first.exit;
  const next = start(env);
  await ready(next);
  await writeInSandbox(next, "/help", /(Ask me in your own words)/);
});

test("a sandbox whose database went away and came back keeps others out again", async () => {
  const env = given();
  const first = start(env);
  await ready(first);

  await onTestServer(
    (session) => session`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${store.name}`,
  );
  await expect.poll(async () => holdsLock()).toBe(true);

  expect(await refusal(start(env))).toMatch(/^Another sandbox runs on /);
  const address = await ready(first);
  await expect.poll(async () => (await fetch(`${address}/healthz`)).status).toBe(200);
});

test.each([-25, 25])(
  "with a clock %d h apart from the database's a start offers its owner's link, and /invite is answered",
  async (hours) => {
    const NODE_OPTIONS = `--import=${new URL("../support/fixtures/shifted-clock.ts", import.meta.url).href}`;
    const bot = start({ ...given(), ...real(), NODE_OPTIONS, SHIFT_HOURS: String(hours) });
    const address = await ready(bot);
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
  },
);

/** Whether a session of the database holds the sandbox's lock. */
async function holdsLock(): Promise<boolean> {
  const rows = await onTestServer(
    (session) => session`select 1 from pg_locks join pg_database on pg_database.oid = database
      where locktype = 'advisory' and granted and datname = ${store.name}
        and (classid::bigint << 32 | objid::bigint) = 7016020004`,
  );
  return rows.length > 0;
}
