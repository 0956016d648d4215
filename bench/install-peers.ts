/** The compared libraries, installed from npm into folders of their own: nothing of the product depends on them. */
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Installs the libraries of a folder of `bench/` unless they are there as its lockfile says; says so, because it takes the
 * network.
 */
export function installPeers(folder: "peers" | "admin/peer"): void {
  const cwd = fileURLToPath(new URL(folder, import.meta.url));
  const lockfile = `${cwd}/package-lock.json`;
  // Written by npm at the end of an install.
  const installed = `${cwd}/node_modules/.package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs) return;
  console.log(`installing the libraries that are compared (npm ci in bench/${folder}), once`);
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd, stdio: "inherit" });
}
