/**
 * The product's processes: one per slot, `node src/main.ts` behind proxies of its own. Like a supervisor, a slot restarts its
 * process whenever it has exited.
 *
 * The scenario decides what happens to a process. The slot records everything that happened as disturbances.
 */
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Disturbance, Link } from "./recording.ts";
import type { LinkMode, TcpProxy } from "./tcp-proxy.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface SlotOptions {
  readonly name: string;
  readonly proxies: Readonly<Record<Link, TcpProxy>>;
  /** Without the addresses: those are the proxies'. */
  readonly env: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
  readonly botToken: string;
  /** The port of the process's HTTP server, to which the webhook's proxy forwards. */
  readonly httpPort: number;
  /** For data folders and logs. */
  readonly folder: string;
  /** The slot appends what happened to its process. */
  readonly disturbances: Disturbance[];
}

export interface Slot {
  readonly name: string;
  readonly logFile: string;
  /** Whether the process is ready and was not stopped by a signal. */
  isUp(): boolean;
  /** Resolves when the process logs that it is ready. */
  readonly ready: () => Promise<void>;
  /** Sends SIGKILL, and starts a new process after a delay. */
  kill(pauseMs: number): void;
  /**
   * Sends SIGTERM, and a second one if the process still runs after `secondAfterMs`. After its exit and a delay a new process
   * starts.
   */
  terminate(pauseMs: number, secondAfterMs: number | null): Promise<void>;
  /** Sends SIGSTOP, and SIGCONT after `ms` unless the process was killed meanwhile. */
  freeze(ms: number): Promise<void>;
  /** Impairs a link for `ms`. */
  disturb(link: Link, mode: LinkMode, ms: number): Promise<void>;
  /** Resets all connections of a link once. */
  cut(link: Link): void;
  /** Unexpected exits of processes that had been ready. */
  readonly crashes: readonly string[];
  /** The number of processes that exited before they were ready, for example because a link was down. They are restarted. */
  failedStarts(): number;
  /** Sends SIGTERM and starts no new process. Resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Delay before a process that exited unexpectedly is restarted, in milliseconds. */
const RESTART_PAUSE_MS = 500;
/** A process that has not exited within this time after SIGTERM is killed. Its own grace period is 10 s. */
const STOP_LIMIT_MS = 25_000;

interface State {
  readonly options: SlotOptions;
  readonly log: WriteStream;
  readonly crashes: string[];
  child: ChildProcess | null;
  ready: PromiseWithResolvers<void>;
  isReady: boolean;
  isFrozen: boolean;
  isClosing: boolean;
  /** Why the next exit is expected, and the delay after it. */
  ending: { disturbance: Disturbance; pauseMs: number } | null;
  failedStarts: number;
}

/** Starts the first process of the slot. */
export function startSlot(options: SlotOptions): Slot {
  const { name, folder, proxies } = options;
  mkdirSync(join(folder, name), { recursive: true });
  const logFile = join(folder, `${name}.log`);
  const state: State = {
    options,
    log: createWriteStream(logFile),
    crashes: [],
    child: null,
    ready: Promise.withResolvers(),
    isReady: false,
    isFrozen: false,
    isClosing: false,
    ending: null,
    failedStarts: 0,
  };
  start(state);
  // No process outlives the driver, even if the driver exits before it has stopped everything.
  process.once("exit", () => state.child?.kill("SIGKILL"));
  return {
    name,
    logFile,
    crashes: state.crashes,
    isUp: () => state.isReady && !state.isFrozen && state.ending === null,
    ready: () => state.ready.promise,
    failedStarts: () => state.failedStarts,
    kill: (pauseMs) => signal(state, { kind: "kill", name: "SIGKILL", pauseMs }),
    terminate: (pauseMs, secondAfterMs) => terminate(state, pauseMs, secondAfterMs),
    freeze: (ms) => freeze(state, ms),
    async disturb(link, mode, ms) {
      const disturbance = record(state, mode.kind === "pass" ? "cut" : mode.kind, link);
      proxies[link].set(mode);
      await sleep(ms);
      proxies[link].set({ kind: "pass" });
      disturbance.untilMs = Date.now();
    },
    cut(link) {
      record(state, "cut", link).untilMs = Date.now();
      proxies[link].cut();
    },
    async stop() {
      state.isClosing = true;
      const { child } = state;
      const code = child ? await stopProcess(child) : null;
      state.log.end();
      return code;
    },
  };
}

function record({ options }: State, kind: Disturbance["kind"], link: Link | null = null): Disturbance {
  const disturbance = { kind, slot: options.name, link, fromMs: Date.now(), untilMs: Number.POSITIVE_INFINITY };
  options.disturbances.push(disturbance);
  return disturbance;
}

function start(state: State): void {
  const child = launch(state.options, state.log);
  state.child = child;
  state.isReady = false;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (state.isReady || !line.includes('"msg":"ready"')) return;
    state.isReady = true;
    if (state.ending) state.ending.disturbance.untilMs = Date.now();
    state.ending = null;
    state.ready.resolve();
  });
  child.once("close", (code) => void restart(state, code));
}

async function restart(state: State, code: number | null): Promise<void> {
  const wasReady = state.isReady;
  state.child = null;
  state.isFrozen = false;
  if (state.isClosing) return;
  if (wasReady && !state.ending) {
    state.crashes.push(`${state.options.name} exited unexpectedly with code ${code} at ${new Date().toISOString()}`);
  }
  if (!wasReady) state.failedStarts += 1;
  state.isReady = false;
  state.ready = Promise.withResolvers();
  // A failed start belongs to the disturbance before it.
  state.ending ??= { disturbance: record(state, "exit"), pauseMs: RESTART_PAUSE_MS };
  await sleep(wasReady ? state.ending.pauseMs : RESTART_PAUSE_MS);
  if (!state.isClosing) start(state);
}

interface EndingSignal {
  readonly kind: "kill" | "terminate" | "second-signal";
  readonly name: NodeJS.Signals;
  readonly pauseMs: number;
}

function signal(state: State, { kind, name, pauseMs }: EndingSignal): void {
  state.ending = { disturbance: record(state, kind), pauseMs };
  state.child?.kill(name);
}

async function terminate(state: State, pauseMs: number, secondAfterMs: number | null): Promise<void> {
  const { child } = state;
  signal(state, { kind: "terminate", name: "SIGTERM", pauseMs });
  if (secondAfterMs === null) return;
  await sleep(secondAfterMs);
  if (state.child !== child || state.isClosing || state.ending?.disturbance.kind !== "terminate") return;
  state.ending.disturbance.untilMs = Date.now();
  signal(state, { kind: "second-signal", name: "SIGTERM", pauseMs });
}

async function freeze(state: State, ms: number): Promise<void> {
  const { child } = state;
  const disturbance = record(state, "freeze");
  state.isFrozen = true;
  child?.kill("SIGSTOP");
  await sleep(ms);
  disturbance.untilMs = Date.now();
  child?.kill("SIGCONT");
  if (state.child === child) state.isFrozen = false;
}

function launch({ name, proxies, env, databaseUrl, botToken, httpPort, folder }: SlotOptions, log: WriteStream) {
  const url = new URL(databaseUrl);
  url.port = String(proxies.database.port);
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(process.execPath, [`${ROOT}src/main.ts`], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: folder,
      PORT: String(httpPort),
      DATA_DIR: join(folder, name),
      DATABASE_URL: url.href,
      TELEGRAM_BOT_TOKEN: botToken,
      TELEGRAM_API_ROOT: `http://127.0.0.1:${proxies.telegram.port}`,
      // Without the cache a start needs two seconds of CPU time, mostly to compile the code. There are many starts.
      NODE_COMPILE_CACHE: join(folder, "compile-cache"),
      OPENAI_BASE_URL: `http://127.0.0.1:${proxies.model.port}/v1`,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const output of [child.stdout, child.stderr]) output.on("data", (chunk) => log.write(chunk));
  return child;
}

async function stopProcess(child: ChildProcess): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once("close", resolve);
  child.kill("SIGCONT");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
  return promise.finally(() => clearTimeout(timer));
}
