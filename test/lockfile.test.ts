import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface LockedPackage {
  optionalDependencies?: Record<string, string>;
  resolved?: string;
}

const lock = readLock("package-lock.json");

test("the lockfile has the optional packages of every platform, because 'npm ci' needs them", () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !isLocked(path, name)),
  );

  expect(missing).toEqual([]);
});

const LOCKFILES = [
  "package-lock.json",
  "bench/peers/package-lock.json",
  "bench/admin/peer/package-lock.json",
  "test/clients/package-lock.json",
  "test/servers/package-lock.json",
];

test.each(LOCKFILES)("%s contains no registry URL", (path) => {
  const packages = Object.values(readLock(path).packages);

  expect(packages.length).toBeGreaterThan(10);
  expect(packages.filter(({ resolved }) => resolved?.startsWith("http"))).toEqual([]);
});

function readLock(path: string): { packages: Record<string, LockedPackage> } {
  return JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), "utf8"));
}

function isLocked(path: string, name: string): boolean {
  return `node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages;
}
