/**
 * Installs the servers of Debian that the tests here start, unless they are there. It needs root, as the tests do: they start
 * PostgreSQL as the user "postgres", and the product as a user that no file knows.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { findPostgresPrograms } from "./debian-postgres.ts";

const PACKAGES = [
  { name: "nginx", isThere: () => existsSync("/usr/sbin/nginx") },
  { name: "pgbouncer", isThere: () => existsSync("/usr/sbin/pgbouncer") },
  { name: "postgresql", isThere: () => findPostgresPrograms() !== undefined },
  { name: "openssl", isThere: () => existsSync("/usr/bin/openssl") },
];

const findMissing = () => PACKAGES.filter(({ isThere }) => !isThere()).map(({ name }) => name);

function install(names: readonly string[]): void {
  console.log(`installing ${names.join(", ")} with apt-get (only once)`);
  // The run level keeps their services from starting: the tests start the programs themselves.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  execFileSync("apt-get", ["update", "-q"], { stdio: "inherit", env });
  execFileSync("apt-get", ["install", "-q", "-y", "--no-install-recommends", ...names], { stdio: "inherit", env });
}

function fail(reason: string): never {
  console.error(`npm run test:servers ${reason}`);
  process.exit(1);
}

if (process.getuid?.() !== 0) fail("needs root: it starts servers as other users.");
const missing = findMissing();
if (missing.length > 0) {
  if (!existsSync("/usr/bin/apt-get")) fail(`needs ${missing.join(", ")}, and there is no apt-get to install them.`);
  install(missing);
  const left = findMissing();
  if (left.length > 0) fail(`needs ${left.join(", ")}, and apt-get did not install them.`);
}
