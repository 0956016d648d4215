/** Starts commands of the product as separate processes. They inherit only PATH from this process's environment. */
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Node's compile cache, shared by all starts: compiling the files takes a second on a small machine. */
const COMPILE_CACHE = join(tmpdir(), "counterhand-test-compile-cache");

export interface StartedProcess {
  /** The output so far, of stdout and stderr. */
  output(): string;
  /** Waits for output that matches. Rejects with the output if the process exits before. */
  waitFor(pattern: RegExp): Promise<RegExpMatchArray>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the exit code (null after a signal), once stdout and stderr are closed. */
  readonly exit: Promise<number | null>;
}

interface StartOptions {
  env: Record<string, string>;
  args?: string[];
  /** Default: the project's root. */
  cwd?: string;
}

/** The entry points in `src`; those of the other commands are in `src/commands`. */
const BOT_ENTRY_POINTS: readonly string[] = ["start", "main"];

/** Starts the entry point of this name, such as `main` or `token`. The caller must stop it. */
export function startProcess(name: string, options: StartOptions): StartedProcess {
  return startFile(BOT_ENTRY_POINTS.includes(name) ? `src/${name}.ts` : `src/commands/${name}.ts`, options);
}

/** Starts `node PATH`; the path is relative to the project's root. The caller must stop the process. */
export function startFile(path: string, options: StartOptions): StartedProcess {
  return startCommand(process.execPath, { ...options, args: [`${ROOT}${path}`, ...(options.args ?? [])] });
}

/** Starts `npm run NAME -- ARGS`. Signals reach only npm. */
export function startScript(name: string, options: StartOptions): StartedProcess {
  return startCommand("npm", { ...options, args: ["run", name, "--", ...(options.args ?? [])] });
}

/** Runs a shell command line. */
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
  let output = "";
  const listeners = new Set<() => void>();
  const append = (chunk: Buffer) => {
    output += chunk.toString("utf8");
    for (const listener of listeners) listener();
  };
  child.stdout.on("data", append);
  child.stderr.on("data", append);
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    output: () => output,
    kill: (signal) => child.kill(signal),
    exit,
    waitFor(pattern) {
      const { promise, resolve, reject } = Promise.withResolvers<RegExpMatchArray>();
      const check = () => {
        const match = output.match(pattern);
        if (match) resolve(match);
      };
      listeners.add(check);
      check();
      void exit.then((code) => reject(new Error(`exited with ${code} before it wrote ${pattern}:\n${output}`)));
      return promise.finally(() => listeners.delete(check));
    },
  };
}
