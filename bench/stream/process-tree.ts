/**
 * CPU time of process trees, and resident memory. Reads /proc, so Linux only.
 *
 * The CPU time of exited processes is in their parent's figures; nothing is counted twice.
 */
import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks per second in /proc: 100 on every Linux that Node supports. */
const TICKS_PER_SECOND = 100;

interface ProcessFacts {
  parent: number;
  /** User and system time of the process and of its exited children, in milliseconds. */
  cpuMs: number;
}

/** CPU time of these processes and their descendants so far, in milliseconds. */
export function cpuOfTrees(roots: readonly number[]): number {
  const all = readAll();
  const tree = new Set(roots);
  // Children usually come after their parents in the list, but not always, so the loop repeats until nothing is added.
  for (let before = -1; before !== tree.size; ) {
    before = tree.size;
    for (const [pid, { parent }] of all) if (tree.has(parent)) tree.add(pid);
  }
  return [...tree].reduce((sum, pid) => sum + (all.get(pid)?.cpuMs ?? 0), 0);
}

/** A process's resident memory in MiB; 0 if it has exited. */
export function residentMiB(pid: number): number {
  const [, kib = "0"] = /VmRSS:\s+(\d+) kB/.exec(readIfThere(`/proc/${pid}/status`)) ?? [];
  return Number(kib) / 1_024;
}

/** Watches a process's memory. @returns a function that stops watching and returns the peak in MiB. */
export function watchMemory(pid: number): () => number {
  let peak = residentMiB(pid);
  const sample = () => {
    peak = Math.max(peak, residentMiB(pid));
  };
  const timer = setInterval(sample, MEMORY_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    sample();
    return peak;
  };
}

const MEMORY_INTERVAL_MS = 100;

function readAll(): Map<number, ProcessFacts> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return new Map(pids.flatMap((pid) => readOne(Number(pid))));
}

function readOne(pid: number): [number, ProcessFacts][] {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The process name, in parentheses, may contain any characters.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields.length < 15) return [];
  // proc(5): state is field 3, ppid 4, utime 14, stime 15, cutime 16, cstime 17.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return [[pid, { parent: Number(fields[1]), cpuMs: (ticks * 1_000) / TICKS_PER_SECOND }]];
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    // A process may exit after it was listed.
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return "";
    throw error;
  }
}
