/** How the scripts of package.json react to signals that are sent only to npm, as a supervisor does. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isAlive, startProcess, startScript } from "../support/process.ts";

let dataDir = "";

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "counterhand-signals-"));
});

afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

const READY = /"msg":"ready"/;

test("SIGTERM to npm stops the product and its database, at the first start and at the next", async () => {
  await expectStoppedBy("SIGTERM");
  await expectStoppedBy("SIGTERM");
});

test("two signals within a moment count as one", async () => {
  await expectStoppedBy("SIGINT", "SIGINT");
});

test("a terminal that closes stops the product cleanly, however often it signals", async () => {
  const started = startProcess("start", { env: { DATA_DIR: dataDir, PORT: "0" } });
  await started.waitFor(READY);
  const postmaster = await readPostmasterPid();

  started.kill("SIGHUP");
  await started.waitFor(/"msg":"stopping/);
  started.kill("SIGHUP");

  expect(await started.exit).toBe(0);
  await expectStopped(postmaster);
});

test("every long-running script replaces its shell, so that the program gets npm's signals", async () => {
  const { scripts } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));

  for (const name of ["start", "dev", "ask", "import", "token", "verify:live", "bench", "chaos", "fuzz"])
    expect(scripts[name], name).toMatch(/^exec node /);
});

async function expectStoppedBy(...signals: NodeJS.Signals[]): Promise<void> {
  const npm = startScript("start", { env: { DATA_DIR: dataDir, PORT: "0", npm_config_update_notifier: "false" } });
  await npm.waitFor(READY);
  const postmaster = await readPostmasterPid();

  for (const signal of signals) npm.kill(signal);

  expect(await npm.exit).toBe(0);
  expect(npm.output()).toMatch(/"msg":"stopped"/);
  await expectStopped(postmaster);
}

async function readPostmasterPid(): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, "pg18", "postmaster.pid"), "utf8"), 10);
}

async function expectStopped(postmaster: number): Promise<void> {
  // The line that it has stopped is its last output.
  await expect.poll(() => isAlive(postmaster)).toBe(false);
  expect(await readdir(join(dataDir, "pg18"))).not.toContain("postmaster.pid");
  expect(await readFile(join(dataDir, "postgres.log"), "utf8")).toMatch(/database system is shut down\n$/);
}
