/**
 * The processes of the product: one for each slot, `node src/main.ts` behind proxies of its own, started again whenever it
 * has ended, as a supervisor does.
 *
 * What happens to it is the driver's choice; everything that happened is written down as disturbances.
 */
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Border, Disturbance } from "./recording.ts";
import type { BorderMode, TcpProxy } from "./tcp-proxy.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface SlotOptions {
  readonly name: string;
  readonly proxies: Readonly<Record<Border, TcpProxy>>;
  /** Without the addresses, which are the proxies'. */
  readonly env: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
  readonly botToken: string;
  /** Of its HTTP server: the webhook's proxy leads there. */
  readonly httpPort: number;
  /** For data folders and logs. */
  readonly folder: string;
  /** Takes down what happened. */
  readonly disturbances: Disturbance[];
}

export interface Slot {
  readonly name: string;
  readonly logFile: string;
  /** Whether its process is up and was not stopped by a signal. */
  isUp(): boolean;
  /** Settles when its process says that it is ready. */
  readonly ready: () => Promise<void>;
  /** SIGKILL, and a new process after a pause. */
  kill(pauseMs: number): void;
  /** SIGTERM, a second one where the process is still up after `secondAfterMs`; a new process after its end and a pause. */
  terminate(pauseMs: number, secondAfterMs: number | null): Promise<void>;
  /** SIGSTOP, and SIGCONT after `ms`, unless it was killed meanwhile. */
  freeze(ms: number): Promise<void>;
  /** Lets a border misbehave for `ms`. */
  disturb(border: Border, mode: BorderMode, ms: number): Promise<void>;
  /** All connections over a border are reset once. */
  cut(border: Border): void;
  /** Ends that were not asked for, of processes that had been ready. */
  readonly crashes: readonly string[];
  /** Starts that ended before the process was ready, as when a border was down: tried again. */
  failedStarts(): number;
  /** SIGTERM and no new process; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Pause before a process that ended by itself is started again, in milliseconds. */
const RESTART_PAUSE_MS = 500;
/** A process that does not end within this time after SIGTERM is killed: its own grace is 10 s. */
const STOP_LIMIT_MS = 25_000;

interface State {
  child: ChildProcess | null;
  ready: PromiseWithResolvers<void>;
  isReady: boolean;
  isFrozen: boolean;
  isClosing: boolean;
  /** Why the next end is expected, and the pause after it. */
  ending: { disturbance: Disturbance; pauseMs: number } | null;
  failedStarts: number;
}

/** Starts the first process of the slot. */
export function openSlot(options: SlotOptions): Slot {
  const { name, proxies, disturbances } = options;
  mkdirSync(join(options.folder, name), { recursive: true });
  const logFile = join(options.folder, `${name}.log`);
  const log = createWriteStream(logFile);
  const crashes: string[] = [];
  const state: State = {
    child: null,
    ready: Promise.withResolvers(),
    isReady: false,
    isFrozen: false,
    isClosing: false,
    ending: null,
    failedStarts: 0,
  };
  const note = (kind: Disturbance["kind"], border: Border | null = null): Disturbance => {
    const disturbance = { kind, slot: name, border, fromMs: Date.now(), untilMs: Number.POSITIVE_INFINITY };
    disturbances.push(disturbance);
    return disturbance;
  };
  const start = () => {
    const child = launch(options, log);
    state.child = child;
    state.isReady = false;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (state.isReady || !line.includes('"msg":"ready"')) return;
      state.isReady = true;
      if (state.ending) state.ending.disturbance.untilMs = Date.now();
      state.ending = null;
      state.ready.resolve();
    });
    child.once("close", (code) => void ended(code));
  };
  const ended = async (code: number | null) => {
    const wasReady = state.isReady;
    state.child = null;
    state.isFrozen = false;
    if (state.isClosing) return;
    if (wasReady && !state.ending)
      crashes.push(`${name} ended by itself with code ${code} at ${new Date().toISOString()}`);
    if (!wasReady) state.failedStarts += 1;
    state.isReady = false;
    state.ready = Promise.withResolvers();
    // A start that failed belongs to the disturbance before it.
    state.ending ??= { disturbance: note("exit"), pauseMs: RESTART_PAUSE_MS };
    await sleep(wasReady ? state.ending.pauseMs : RESTART_PAUSE_MS);
    if (!state.isClosing) start();
  };
  const end = (kind: "kill" | "terminate" | "second-signal", signal: NodeJS.Signals, pauseMs: number) => {
    state.ending = { disturbance: note(kind), pauseMs };
    state.child?.kill(signal);
  };
  start();
  // Nothing is left behind when the driver ends before it has stopped everything.
  process.once("exit", () => state.child?.kill("SIGKILL"));

  return {
    name,
    logFile,
    crashes,
    isUp: () => state.isReady && !state.isFrozen && state.ending === null,
    ready: () => state.ready.promise,
    failedStarts: () => state.failedStarts,
    kill: (pauseMs) => end("kill", "SIGKILL", pauseMs),
    async terminate(pauseMs, secondAfterMs) {
      const { child } = state;
      end("terminate", "SIGTERM", pauseMs);
      if (secondAfterMs === null) return;
      await sleep(secondAfterMs);
      if (state.child !== child || state.isClosing || state.ending?.disturbance.kind !== "terminate") return;
      state.ending.disturbance.untilMs = Date.now();
      end("second-signal", "SIGTERM", pauseMs);
    },
    async freeze(ms) {
      const { child } = state;
      const disturbance = note("freeze");
      state.isFrozen = true;
      child?.kill("SIGSTOP");
      await sleep(ms);
      disturbance.untilMs = Date.now();
      child?.kill("SIGCONT");
      if (state.child === child) state.isFrozen = false;
    },
    async disturb(border, mode, ms) {
      const disturbance = note(mode.kind === "pass" ? "cut" : mode.kind, border);
      proxies[border].set(mode);
      await sleep(ms);
      proxies[border].set({ kind: "pass" });
      disturbance.untilMs = Date.now();
    },
    cut(border) {
      note("cut", border).untilMs = Date.now();
      proxies[border].cut();
    },
    async stop() {
      state.isClosing = true;
      const { child } = state;
      const code = child ? await stopProcess(child) : null;
      log.end();
      return code;
    },
  };
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
      // A start costs two seconds of processor time, most of it for reading the code: that many would slow everything down.
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
