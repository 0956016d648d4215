/** The product on Debian's PostgreSQL behind Debian's pgbouncer, which it reaches as its pages say: without further settings. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import type { Db } from "../../src/db/client.ts";
import { openDatabase } from "../../src/db/open.ts";
import { createCapturedLog } from "../support/log.ts";
import { startProcess } from "../support/process.ts";
import { type DebianPostgres, idsOf, PASSWORD, startDebianPostgres } from "./debian-postgres.ts";
import { isListening, unusedPort } from "./ports.ts";

let postgres: DebianPostgres;
const cleanups: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  postgres = await startDebianPostgres();
  await postgres.createRole("shop");
  await postgres.run("create database shop owner shop");
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => postgres.close());

/** Starts pgbouncer with this pooling mode. @returns a `DATABASE_URL` that leads through it. */
async function startPgbouncer(mode: "session" | "transaction" | "statement"): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "pgbouncer-"));
  cleanups.push(async () => rmSync(folder, { recursive: true, force: true }));
  const { uid, gid } = idsOf("postgres");
  const port = await unusedPort();
  const users = join(folder, "users");
  writeFileSync(users, `"shop" "${PASSWORD}"\n`);
  const configuration = `[databases]
* = host=127.0.0.1 port=${postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = ${mode}
`;
  writeFileSync(join(folder, "pgbouncer.ini"), configuration);
  chownSync(folder, uid, gid);
  const pgbouncer = spawn("/usr/sbin/pgbouncer", ["-q", join(folder, "pgbouncer.ini")], {
    uid,
    gid,
    stdio: ["ignore", "ignore", "inherit"],
  });
  cleanups.push(async () => {
    // An immediate shutdown.
    pgbouncer.kill("SIGTERM");
    if (pgbouncer.exitCode === null && pgbouncer.signalCode === null) await once(pgbouncer, "exit");
  });
  await expect.poll(() => isListening(port)).toBe(true);
  return postgres.url("shop", "shop").replace(String(postgres.port), String(port));
}

/** The time limits of as many connections as the pool has, each in its own transaction at the same time. */
async function readLimits(db: Db, connections: number): Promise<Set<string>> {
  const all = Promise.withResolvers<void>();
  let begun = 0;
  const limits = await Promise.all(
    Array.from({ length: connections }, () =>
      db.transaction(async (tx) => {
        begun += 1;
        if (begun === connections) all.resolve();
        await all.promise;
        const [row] = await tx.execute<{ limits: string }>(sql`select current_setting('statement_timeout') || ' ' ||
          current_setting('idle_in_transaction_session_timeout') || ' ' || current_setting('TimeZone') as limits`);
        return row?.limits ?? "";
      }),
    ),
  );
  return new Set(limits);
}

test("in session mode every connection has the time limits, also one that another client has used before", async () => {
  const url = await startPgbouncer("session");
  const open = () => openDatabase(loadConfig({ DATABASE_URL: url }, "no-file"), createCapturedLog().logger);

  const first = await open();
  const limits = await readLimits(first.database.db, 15);
  await first.close();
  const second = await open();
  const after = await readLimits(second.database.db, 15);
  await second.close();

  expect(limits).toEqual(new Set(["30s 5s UTC"]));
  expect(after).toEqual(limits);
});

test("in session mode the server ends a transaction that is idle, as a takeover needs", async () => {
  const url = await startPgbouncer("session");
  const opened = await openDatabase(loadConfig({ DATABASE_URL: url }, "no-file"), createCapturedLog().logger);

  const frozen = opened.database.db.transaction(async (tx) => {
    const [row] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    // Until the server has ended it: nothing else would end this wait.
    const left = sql`select 1 from pg_stat_activity where pid = ${row?.pid}`;
    await expect.poll(async () => (await opened.database.db.execute(left)).length).toBe(0);
    await tx.execute(sql`select 1`);
  });

  await expect(frozen).rejects.toThrow();
  await opened.close();
});

test("a command works through session mode", async () => {
  const url = await startPgbouncer("session");

  const token = startProcess("token", { env: { DATABASE_URL: url } });

  expect(await token.exit).toBe(0);
  expect(token.output()).toMatch(/^ch_\w+/m);
});

test.each(["transaction", "statement"] as const)("%s mode is refused with one sentence", async (mode) => {
  const url = await startPgbouncer(mode);

  const token = startProcess("token", { env: { DATABASE_URL: url } });

  expect(await token.exit).toBe(1);
  expect(token.output()).toBe(
    "DATABASE_URL leads to a proxy with transaction pooling: use the server's direct address, or session pooling.\n",
  );
});

test("a database that pgbouncer knows and the server does not is named", async () => {
  const url = (await startPgbouncer("session")).replace(/shop$/, "nowhere");

  const token = startProcess("token", { env: { DATABASE_URL: url } });

  expect(await token.exit).toBe(1);
  expect(token.output()).toMatch(/^The database at 127\.0\.0\.1:\d+ rejects the connection \(.*\): .*nowhere.*\n$/);
});

test("options for the server, which pgbouncer refuses, are named with what to do", async () => {
  const url = `${await startPgbouncer("session")}?options=-c%20search_path%3Dpublic`;

  const token = startProcess("token", { env: { DATABASE_URL: url } });

  expect(await token.exit).toBe(1);
  expect(token.output()).toMatch(/: unsupported startup parameter.* Add the parameter to ignore_startup_parameters/);
});
