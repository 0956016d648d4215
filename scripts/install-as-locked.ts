/**
 * `node scripts/install-as-locked.ts FOLDER`: installs a folder's own packages from its lockfile, unless they are up to date.
 *
 * For packages that neither the product nor its tests need: `npm ci` of the product does not install them.
 */
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

export function installAsLocked(folder: string): void {
  const lockfile = join(folder, "package-lock.json");
  // npm writes this file at the end of an install.
  const installed = join(folder, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs) return;
  // Printed because it needs the network and may take a while.
  console.log(`running npm ci in ${folder} (only once)`);
  execFileSync("npm", ["ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"], { stdio: "inherit" });
}

const [, script, folder] = process.argv;
if (import.meta.main && script && folder) installAsLocked(resolve(folder));
