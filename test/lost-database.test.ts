/** A start and each command print one sentence and exit with code 1 when the database goes away while they work. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { startProcess } from "./support/process.ts";

let dataDir = "";
let file = "";
let testDatabase: TestDatabase;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "counterhand-lost-"));
  file = join(dataDir, "products.csv");
  await writeFile(file, "sku,name,category,price,cost,stock,reorder_level\nA,Latte,,45000,,5,\n");
  testDatabase = await createTestDatabase();
});

afterEach(async () => {
  await testDatabase.close();
  await rm(dataDir, { recursive: true, force: true });
});

const COMMANDS = [
  { name: "main", args: () => [] },
  { name: "token", args: () => [] },
  { name: "ask", args: () => ["what is running out?"] },
  { name: "import", args: () => ["products", file] },
];
const LOST =
  /The connection to the database was lost \([A-Z0-9_]+\): make sure that it is running, then start again\.\n/;

test.for(COMMANDS)("$name, during the migrations", async ({ name, args }) => {
  await emptyTheDatabase();

  const { code, output } = await runUntil(/create table/i, name, args());

  expect(code).toBe(1);
  expectOneSentence(output, LOST);
});

test.for(COMMANDS)("$name, during the first check of the server", async ({ name, args }) => {
  const { code, output } = await runUntil(/server_version/, name, args());

  expect(code).toBe(1);
  expectOneSentence(output, /Cannot reach the database at \S+ \(\w+\): is it running, and is DATABASE_URL correct\?\n/);
});

test.for([
  { name: "main", at: /nextval\('public.worker_ids/ },
  { name: "main", at: /listen "/i },
  { name: "main", at: /pg_advisory_lock\(/ },
  { name: "token", at: /insert into "admin_tokens"/ },
  { name: "ask", at: /nextval\('public.worker_ids/ },
  { name: "ask", at: /insert into "messages"/ },
  { name: "ask", at: /insert into "run_rounds"/ },
  { name: "import", at: /copy "/ },
])("$name, at $at", async ({ name, at }) => {
  const args = COMMANDS.find((command) => command.name === name)?.args() ?? [];

  const { code, output } = await runUntil(at, name, args);

  expect(code).toBe(1);
  expectOneSentence(output, LOST);
});

test("an import says that nothing was imported", async () => {
  const { output } = await runUntil(/copy "/, "import", ["products", file]);

  expect(output).toMatch(/^Nothing was imported\. The connection to the database was lost/m);
});

/** Warnings of the log may come with it: any part of the process may notice the loss first. */
function expectOneSentence(output: string, sentence: RegExp): void {
  const withoutWarnings = output.replaceAll(/^\{"level":[1-4]0,.*\n/gm, "");
  expect(withoutWarnings).toMatch(sentence);
  expect(withoutWarnings).not.toMatch(/ {4}at |Failed query|insert into|"level":[56]0|CONNECTION_CLOSED \S*PGSQL/);
}

/** Runs a command on the database, which goes away for good when it receives a statement that matches. */
async function runUntil(pattern: RegExp, name: string, args: string[]) {
  const sockets = new Set<Socket>();
  const isCut = Promise.withResolvers<void>();
  const { socketDir, user } = inject("testServer");
  const proxy = createServer((client) => {
    const server = connect(join(socketDir, ".s.PGSQL.5432"));
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    server.pipe(client);
    client.on("end", () => server.end());
    client.on("data", (chunk) => {
      if (!pattern.test(chunk.toString("latin1"))) return server.write(chunk);
      proxy.close();
      for (const socket of sockets) socket.destroy();
      isCut.resolve();
    });
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const { port } = proxy.address() as AddressInfo;
  const url = `postgres://${user}@127.0.0.1:${port}/${testDatabase.name}`;
  const started = startProcess(name, { env: { DATA_DIR: dataDir, PORT: "0", DATABASE_URL: url }, args });
  // A start that completes never sent the statement.
  await Promise.race([isCut.promise, started.exit, started.waitFor(/"msg":"ready"/)]).catch(() => undefined);
  if (proxy.listening) started.kill("SIGKILL");
  const code = await started.exit;
  proxy.close();
  return { code, output: started.output() };
}

async function emptyTheDatabase(): Promise<void> {
  await testDatabase.db.execute("drop schema public cascade");
  await testDatabase.db.execute("drop schema if exists drizzle cascade");
  await testDatabase.db.execute("create schema public");
}
