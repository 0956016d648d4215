/**
 * Runs every command that the pages show, against a product that one of these commands has started. Commands that cannot run
 * here are listed with the reason. A `console` block also shows the output.
 */
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StartedProcess, startShell } from "../support/process.ts";
import { fastFolder } from "../support/test-server.ts";
import { ROOT, readPages } from "./markdown.ts";
import { commandsOf, type ShownCommand } from "./shown-commands.ts";

/** Commands that are not run, exactly as the pages show them. Remove a command that no page shows any more. */
const NOT_RUN: Record<string, readonly string[]> = {
  "installs from the network": ["npm ci", "npm ci --omit=dev"],
  "takes minutes": [
    "npm test",
    "npm test -- test/tools",
    "npm run check",
    "npm run test:clients",
    "npm run test:servers",
    "npm run bench",
    "npm run fuzz",
    "npm run chaos",
  ],
  "runs until it is stopped": ["npm run dev"],
  "runs until it is stopped, and follow-thread.test.ts runs it": [
    "ADMIN_TOKEN=ch_... node docs/examples/follow-thread.mjs",
  ],
  "writes into the sources": ["npm run schema", "npm run db:generate"],
  "needs credentials": ["npm run verify:live"],
  "changes the machine": [
    "chown prometheus /etc/prometheus/counterhand-token",
    "useradd --system --home-dir /var/lib/counterhand --shell /usr/sbin/nologin counterhand",
    "git clone . /opt/counterhand",
    "cd /opt/counterhand",
    "install -m 0600 .env.example /etc/counterhand.env",
    "install -m 0644 deploy/counterhand.service /etc/systemd/system/",
    "systemctl enable --now counterhand",
    "systemd-run --pty --uid=counterhand --working-directory=/opt/counterhand -p EnvironmentFile=/etc/counterhand.env -E DATA_DIR=/var/lib/counterhand npm run import -- products /tmp/products.csv",
    "journalctl -u counterhand -f",
  ],
  "needs Docker": [
    "docker compose up -d --build",
    "docker compose exec bot-1 node src/commands/token.ts --name dashboard --scope viewer --days 90",
    "docker compose exec -T bot-1 node src/commands/import.ts products /dev/stdin < products.csv",
    "docker build -t counterhand .",
    "docker run --init -d --name counterhand -p 127.0.0.1:4000:4000 -v counterhand:/data --env-file .env --stop-timeout 45 counterhand",
    "(umask 077 && docker compose exec -T bot-1 node src/commands/token.ts --name prometheus --scope viewer > prometheus-token)",
    "docker compose build",
    "docker compose up -d --no-deps --wait bot-1",
    "docker compose up -d --no-deps --wait bot-2",
    "docker compose exec -T postgres pg_dump -U counterhand --format=custom counterhand > counterhand.dump",
    "docker compose stop bot-1 bot-2",
    "docker compose exec -T postgres sh -c 'dropdb -U counterhand counterhand && createdb -U counterhand counterhand'",
    "docker compose exec -T postgres pg_restore -U counterhand --no-owner --exit-on-error --single-transaction -d counterhand < counterhand.dump",
    "docker compose start bot-1 bot-2",
  ],
  "needs PostgreSQL's client, or another server": [
    "createuser --pwprompt counterhand",
    "createdb --owner=counterhand --template=template0 --encoding=UTF8 counterhand",
    "export PGHOST=HOST PGUSER=USER PGPASSFILE=$HOME/.counterhand-pgpass",
    `(umask 077 && "\${EDITOR:-vi}" "$PGPASSFILE")`,
    "pg_dump --format=custom --file=counterhand.dump counterhand",
    "createdb counterhand_restored",
    "pg_restore --no-owner --exit-on-error --single-transaction --dbname=counterhand_restored counterhand.dump",
    'pg_basebackup -h "$DATA_DIR" -U postgres --checkpoint=fast -D backup/pg18',
    'cp -p "$DATA_DIR/admin-token" backup/',
    'pg_dump -h "$DATA_DIR" -U postgres --format=custom --file=counterhand.dump counterhand',
    "createdb counterhand",
    "pg_restore --no-owner --exit-on-error --single-transaction --dbname=counterhand counterhand.dump",
    `psql -h "$DATA_DIR" -U postgres counterhand -c "update admin_tokens set revoked_at = now() where prefix = 'ch_kzqwrt'"`,
  ],
};

/** Commands that need a stopped product. They run last, in this order. */
const WHEN_STOPPED: readonly string[] = [
  'test ! -e "$DATA_DIR/pg18/postmaster.pid"',
  'tar -C "$DATA_DIR" --exclude=./pg-lib -czf counterhand.tar.gz .',
  "mkdir -m 700 restored",
  "tar -C restored -xzpf counterhand.tar.gz",
  "DATA_DIR=$PWD/restored npm start",
];

const START = "npm start";

const commands = readPages().flatMap(commandsOf);
const listed = [...Object.values(NOT_RUN).flat(), ...WHEN_STOPPED];
const isRunnable = ({ text }: ShownCommand) =>
  /^(\(umask 077 && )?(\w+=\S* )*(npm|node|curl|printf [^|]*\| curl) /.test(text);
const whileItRuns = unique(commands.filter(({ text }) => text !== START && !listed.includes(text)).filter(isRunnable));
const afterwards = WHEN_STOPPED.flatMap((text) => commands.find((command) => command.text === text) ?? []);

/** A temporary folder with links to all files of the checkout except `.env`. The commands run and write here. */
let checkout = "";
let product: StartedProcess | undefined;
let address = "";

beforeAll(async () => {
  checkout = await mkdtemp(join(await fastFolder(), "counterhand-docs-"));
  const own = await readdir(ROOT);
  await Promise.all(
    own
      .filter((name) => !/^(\.env|\.git|data)$/.test(name))
      .map((name) => symlink(join(ROOT, name), join(checkout, name))),
  );
  await writeFile(join(checkout, ".curlrc"), "fail\nno-progress-meter\n");
  await writeFile(
    join(checkout, "products.csv"),
    "sku,name,category,price,cost,stock,reorder_level\nTEA,Trà đào,,39000,,50,10\n",
  );
  await writeFile(
    join(checkout, "sales.csv"),
    "receipt,sold_at,sku,quantity,unit_price,discount\nR1,2026-11-14T09:31,TEA,1,39000,\n",
  );
  product = start(START);
  [, address = ""] = await product.waitFor(/chat with the bot: (http:\S+)\/sandbox/);
  await cp(join(checkout, "data/admin-token"), join(checkout, "prometheus-token"));
});

afterAll(async () => {
  product?.kill("SIGTERM");
  await product?.exit;
  await rm(checkout, { recursive: true, force: true });
});

test("a page shows how to start the product", () => {
  expect(commands.map(({ text }) => text)).toContain(START);
});

test("every command of a page is run or listed, and every listed one is shown", () => {
  const shown = new Set(commands.map(({ text }) => text));

  expect(commands.filter((command) => !isRunnable(command) && !listed.includes(command.text))).toEqual([]);
  expect(listed.filter((text) => !shown.has(text))).toEqual([]);
});

test.each(whileItRuns)("$page: $text", async (command) => {
  await run(command);
});

test("the product stops, and the commands for a stopped product succeed", async () => {
  product?.kill("SIGTERM");
  expect(await product?.exit).toBe(0);

  for (const command of afterwards) await run(command);
});

async function run({ text, output }: ShownCommand): Promise<void> {
  const started = start(await fillIn(text));
  if (text.endsWith(START)) {
    await started.waitFor(/"msg":"ready"/);
    started.kill("SIGTERM");
  }
  const code = await started.exit;

  expect(code, started.output()).toBe(0);
  expect(started.output()).not.toContain('"errors":');
  expect(started.output()).toMatch(output);
}

function start(line: string): StartedProcess {
  // With `exec`, the signal of `kill` reaches npm and not a shell in front of it.
  return startShell(line.replace(/npm start$/, "exec npm start"), {
    cwd: checkout,
    env: {
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      HOME: checkout,
      CURL_HOME: checkout,
      DATA_DIR: join(checkout, "data"),
      PORT: "0",
      npm_config_update_notifier: "false",
      npm_config_offline: "true",
    },
  });
}

/** Replaces the addresses, the token and the folder of the examples by those of this test. */
async function fillIn(text: string): Promise<string> {
  const token = (await readFile(join(checkout, "data/admin-token"), "utf8")).trim();
  return text
    .replaceAll(/http:\/\/127\.0\.0\.1:400\d/g, address)
    .replaceAll("ch_...", token)
    .replaceAll("/etc/prometheus/", `${checkout}/`);
}

function unique(all: readonly ShownCommand[]): ShownCommand[] {
  return all.filter(({ text }, at) => all.findIndex((other) => other.text === text) === at);
}
