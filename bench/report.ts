/** Shared by all benchmarks: percentiles, and result files with the command, the commit and the machine. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

const RESULTS = fileURLToPath(new URL("results/", import.meta.url));

export interface Summary {
  count: number;
  p50: number;
  p95: number;
  max: number;
}

/** Percentiles of samples by the nearest-rank method. */
export function summarise(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => rounded(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}

/** Writes `bench/results/NAME.json` and prints its path. */
export function saveResults(name: string, results: object): void {
  const report = { command: `npm run bench -- ${name}`, ...resultFacts(), ...results };
  writeFileSync(resultFile(`${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
  console.log(`raw results: bench/results/${name}.json`);
}

/** The path of a result file. */
export function resultFile(name: string): string {
  mkdirSync(RESULTS, { recursive: true });
  return `${RESULTS}${name}`;
}

/** The commit, the time and the machine of a result. */
export function resultFacts() {
  return {
    commit: commit(),
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model,
      cores: availableParallelism(),
      memoryGiB: rounded(totalmem() / 2 ** 30),
      node: process.version,
    },
  };
}

export function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function commit(): string {
  const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8" }).trim();
  const isDirty = git("status", "--porcelain", "--", "src", "drizzle", "package-lock.json") !== "";
  return `${git("rev-parse", "--short", "HEAD")}${isDirty ? " with uncommitted changes" : ""}`;
}
