/** The compared libraries, installed from npm into a folder of their own: nothing of the product depends on them. */
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../peers/", import.meta.url));
const LOCKFILE = `${FOLDER}package-lock.json`;
/** Written by npm at the end of an install. */
const INSTALLED = `${FOLDER}node_modules/.package-lock.json`;

/** Installs them unless they are there as the lockfile says; says so, because it takes the network. */
export function installPeers(): void {
  if (existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync(LOCKFILE).mtimeMs) return;
  console.log("installing the libraries that are compared (npm ci in bench/peers), once");
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: FOLDER, stdio: "inherit" });
}
