import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface LockedPackage {
  optionalDependencies?: Record<string, string>;
  resolved?: string;
}

const lock = readLock("");

test("every platform's packages are in the lockfile, or 'npm ci' refuses it", () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !isLocked(path, name)),
  );

  expect(missing).toEqual([]);
});

test.each(["", "bench/peers/", "test/clients/"])("the lockfile in ./%s names no registry's address", (folder) => {
  const { packages } = readLock(folder);

  expect(Object.values(packages).filter(({ resolved }) => resolved?.startsWith("http"))).toEqual([]);
});

function isLocked(path: string, name: string): boolean {
  return `node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages;
}

function readLock(folder: string): { packages: Record<string, LockedPackage> } {
  return JSON.parse(readFileSync(new URL(`../${folder}package-lock.json`, import.meta.url), "utf8"));
}
