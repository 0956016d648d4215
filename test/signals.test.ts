/** What a signal does to the commands of package.json, sent to npm alone as a supervisor does. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isAlive, type StartedProcess, startScript } from "./support/process.ts";

let dataDir = "";

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "counterhand-signals-"));
});

afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

const READY = /"msg":"ready"/;

test.for(["SIGTERM", "SIGINT"] as const)("%s to npm stops the product and its database, each time", async (signal) => {
  for (const round of [1, 2]) {
    const npm = start("start");
    await npm.waitFor(READY);
    const postmaster = await readPostmasterPid();

    npm.kill(signal);

    expect(await npm.exit, `round ${round}`).toBe(0);
    expect(npm.output()).toMatch(/"msg":"stopped"/);
    await expectStopped(postmaster);
  }
});

function start(script: string, args: string[] = []): StartedProcess {
  return startScript(script, { env: { DATA_DIR: dataDir, PORT: "0", npm_config_update_notifier: "false" }, args });
}

async function readPostmasterPid(): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, "pg18", "postmaster.pid"), "utf8"), 10);
}

async function expectStopped(postmaster: number): Promise<void> {
  // It says that it has stopped with its last breath.
  await expect.poll(() => isAlive(postmaster)).toBe(false);
  expect(await readdir(join(dataDir, "pg18"))).not.toContain("postmaster.pid");
  expect(await readFile(join(dataDir, "postgres.log"), "utf8")).toMatch(/database system is shut down\n$/);
}
