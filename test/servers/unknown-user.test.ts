/** The product as a user without a name, as in OpenShift, or with `docker run --user`. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startShell } from "../support/process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const AS_NOBODY_KNOWN = "setpriv --reuid=54321 --regid=54321 --clear-groups";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "unknown-user-"));
  for (const part of ["package.json", "src", "sandbox", "scripts", "drizzle", "node_modules"])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true, verbatimSymlinks: true });
  execFileSync("chown", ["-R", "54321:54321", folder]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Whether this machine lets such a user have a user namespace of its own, as initdb then needs. Containers often forbid it. */
function hasUserNamespaces(): boolean {
  const [file = "", ...args] = `${AS_NOBODY_KNOWN} unshare --user --map-user=65534 true`.split(" ");
  return spawnSync(file, args).status === 0;
}

test.each([
  ["npm start, with a HOME that cannot be written", "HOME=/nonexistent", "npm start"],
  ["node itself, without HOME", "-u HOME", "node_modules/.bin/node src/start.ts"],
])("%s", async (_, environment, command) => {
  const DATA_DIR = mkdtempSync(join(folder, "data-"));
  execFileSync("chown", ["54321:54321", DATA_DIR]);
  const line = `exec ${AS_NOBODY_KNOWN} env -u NODE_COMPILE_CACHE ${environment} DATA_DIR=${DATA_DIR} PORT=0 ${command}`;
  const started = startShell(line, { env: {}, cwd: folder });

  if (hasUserNamespaces()) {
    await started.waitFor(/"msg":"ready"/);
    started.kill("SIGTERM");
    expect(await started.exit).toBe(0);
    expect(started.output()).toContain("embedded PostgreSQL 18");
  } else {
    expect(await started.exit).toBe(1);
    expect(started.output()).toContain("initdb refuses a user id that has no name in /etc/passwd");
    expect(started.output()).toContain("or set DATABASE_URL.");
  }
});

test("where user namespaces are forbidden, one sentence names DATABASE_URL", async () => {
  const dataDir = mkdtempSync(join(folder, "data-"));
  execFileSync("chown", ["54321:54321", dataDir]);
  // From the copy, which this user can read.
  const { findPostgresBinaries } = await import(join(folder, "src/db/embedded/binaries.ts"));
  const { ensureCluster } = await import(join(folder, "src/db/embedded/folders.ts"));
  const found = await findPostgresBinaries(join(dataDir, "pg-lib"));
  // "unshare" is not found, which ends as a refusal of the kernel does.
  const binaries = { ...found, environment: { ...found.environment, PATH: "/nonexistent" } };

  const starting = ensureCluster(dataDir, { binaries, user: { prefix: [], uid: 54_321, gid: 54_321 } });

  await expect(starting).rejects.toThrow(
    "initdb refuses a user id that has no name in /etc/passwd, and this machine allows no user namespace to give it one: add the user to /etc/passwd, start as another user, or set DATABASE_URL.",
  );
});
