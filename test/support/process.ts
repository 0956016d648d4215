/** A command of the product as a process of its own, with nothing of this one's environment but the path. */
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Kept from start to start, by Node: a start compiles the same files each time, a second of work on a small machine. */
const COMPILE_CACHE = join(tmpdir(), "counterhand-test-compile-cache");

export interface StartedProcess {
  /** What it wrote so far, both streams. */
  output(): string;
  /** Waits until it has written something that matches; fails with what it wrote when it ends before that. */
  waitFor(pattern: RegExp): Promise<RegExpMatchArray>;
  kill(signal: NodeJS.Signals): void;
  /** Settles with the exit code (null when a signal ended it), once no process holds its output any more. */
  readonly exit: Promise<number | null>;
}

interface StartOptions {
  env: Record<string, string>;
  args?: string[];
  /** The project's root when left out. */
  cwd?: string;
}

/** Starts `node src/NAME.ts`; whoever starts it ends it. */
export function startProcess(name: string, options: StartOptions): StartedProcess {
  return startFile(`src/${name}.ts`, options);
}

/** Starts `node PATH`, from the project's root on; whoever starts it ends it. */
export function startFile(path: string, options: StartOptions): StartedProcess {
  return startCommand(process.execPath, { ...options, args: [`${ROOT}${path}`, ...(options.args ?? [])] });
}

/** Starts `npm run NAME -- ARGS`; signals reach npm alone. */
export function startScript(name: string, options: StartOptions): StartedProcess {
  return startCommand("npm", { ...options, args: ["run", name, "--", ...(options.args ?? [])] });
}

/** Runs a line of a shell. */
export function startShell(line: string, options: Omit<StartOptions, "args">): StartedProcess {
  return startCommand("sh", { ...options, args: ["-c", line] });
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function startCommand(file: string, options: StartOptions): StartedProcess {
  const child = spawn(file, options.args ?? [], {
    cwd: options.cwd ?? ROOT,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: options.env.DATA_DIR ?? "/nonexistent",
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...options.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let written = "";
  const listeners = new Set<() => void>();
  const take = (chunk: Buffer) => {
    written += chunk.toString("utf8");
    for (const listener of listeners) listener();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    output: () => written,
    kill: (signal) => child.kill(signal),
    exit,
    waitFor(pattern) {
      const { promise, resolve, reject } = Promise.withResolvers<RegExpMatchArray>();
      const check = () => {
        const match = written.match(pattern);
        if (match) resolve(match);
      };
      listeners.add(check);
      check();
      void exit.then((code) => reject(new Error(`ended with ${code} before ${pattern} was written:\n${written}`)));
      return promise.finally(() => listeners.delete(check));
    },
  };
}
