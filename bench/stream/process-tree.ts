/**
 * What processes cost: CPU time of a tree of them, and resident memory. Linux's /proc only.
 *
 * CPU time of processes that have ended is in their parent's figures; nothing is counted twice.
 */
import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second in /proc: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface ProcessFacts {
  parent: number;
  /** User and system time, of its own and of children that ended, in milliseconds. */
  cpuMs: number;
}

/** CPU time so far of these processes and all below them, in milliseconds. */
export function cpuOfTrees(roots: readonly number[]): number {
  const all = readAll();
  const wanted = new Set(roots);
  // Children have higher places in the list than their parents most of the time, but not always: until nothing is new.
  for (let before = -1; before !== wanted.size; ) {
    before = wanted.size;
    for (const [pid, { parent }] of all) if (wanted.has(parent)) wanted.add(pid);
  }
  return [...wanted].reduce((sum, pid) => sum + (all.get(pid)?.cpuMs ?? 0), 0);
}

/** Memory that a process holds now, in MiB; 0 when it is gone. */
export function residentMiB(pid: number): number {
  const [, kib = "0"] = /VmRSS:\s+(\d+) kB/.exec(readIfThere(`/proc/${pid}/status`)) ?? [];
  return Number(kib) / 1_024;
}

/** The most that a process holds between now and the call of the function that is returned, in MiB. */
export function watchMemory(pid: number): () => number {
  let most = residentMiB(pid);
  const look = () => {
    most = Math.max(most, residentMiB(pid));
  };
  const timer = setInterval(look, MEMORY_LOOK_MS);
  return () => {
    clearInterval(timer);
    look();
    return most;
  };
}

const MEMORY_LOOK_MS = 100;

function readAll(): Map<number, ProcessFacts> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return new Map(pids.flatMap((pid) => readOne(Number(pid))));
}

function readOne(pid: number): [number, ProcessFacts][] {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold anything.
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
    // A process may end between the list and the look.
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return "";
    throw error;
  }
}
