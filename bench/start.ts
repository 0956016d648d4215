/** Measures how long `npm start` takes, for the first and for a later start, and the memory of the idle process. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { rounded, saveResults, summarise } from "./report.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const ROUNDS = 5;
/** Long enough to collect what only the start needed. */
const IDLE_MS = 10_000;

/** Runs the benchmark and saves the results. */
export async function benchStart(): Promise<void> {
  const first: number[] = [];
  const later: number[] = [];
  const residentMiB: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const dataDir = mkdtempSync(join(tmpdir(), "counterhand-bench-"));
    first.push((await startOnce(dataDir, 0)).readyMs);
    const laterStart = await startOnce(dataDir, IDLE_MS);
    later.push(laterStart.readyMs);
    residentMiB.push(laterStart.residentMiB);
    rmSync(dataDir, { recursive: true, force: true });
  }
  const results = {
    firstStartMs: summarise(first),
    laterStartMs: summarise(later),
    idleResidentMiB: summarise(residentMiB),
  };
  console.table(results);
  saveResults("start", { rounds: ROUNDS, ...results, raw: { first, later, residentMiB } });
}

async function startOnce(dataDir: string, idleMs: number): Promise<{ readyMs: number; residentMiB: number }> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, HOME: dataDir, DATA_DIR: dataDir, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise((resolve) => child.once("close", resolve));
  await new Promise<void>((ready) => {
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (output.includes('"msg":"ready"')) ready();
    });
  });
  const readyMs = rounded(performance.now() - startedAt);
  await pause(idleMs);
  const residentMiB = residentOf(child.pid ?? 0);
  child.kill("SIGTERM");
  await exited;
  return { readyMs, residentMiB };
}

function residentOf(pid: number): number {
  const [, kib = "0"] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return rounded(Number(kib) / 1024);
}
