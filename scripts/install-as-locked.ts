/**
 * `node scripts/install-as-locked.ts FOLDER`: installs a folder's own packages as its lockfile says, unless they are there so.
 *
 * For packages that the product and its tests do without: an `npm ci` of the product leaves them out.
 */
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

export function installAsLocked(folder: string): void {
  const lockfile = join(folder, "package-lock.json");
  // Written by npm at the end of an install.
  const installed = join(folder, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs) return;
  // Said, because it takes the network.
  console.log(`npm ci in ${folder}, once`);
  execFileSync("npm", ["ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"], { stdio: "inherit" });
}

const [, script, folder] = process.argv;
if (import.meta.main && script && folder) installAsLocked(resolve(folder));
