/**
 * The compared subjects, each a separate process: starting, process ids and stopping.
 *
 * The cases define the questions and the measurements.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BOT_TOKEN, type Environment, FIRST_PERSON_ID, MAX_PEOPLE } from "./environment.ts";

export type SubjectName = "ours" | "chat-sdk" | "grammy-stream";

export interface Subject {
  readonly name: SubjectName;
  /** The name in tables and legends. */
  readonly label: string;
  readonly file: string;
}

const PEERS = fileURLToPath(new URL("../peers/", import.meta.url));

export const SUBJECTS: readonly Subject[] = [
  { name: "ours", label: "Counterhand", file: fileURLToPath(new URL("ours.ts", import.meta.url)) },
  { name: "chat-sdk", label: "Chat SDK", file: `${PEERS}chat-sdk.js` },
  { name: "grammy-stream", label: "@grammyjs/stream", file: `${PEERS}grammy-stream.js` },
];

export interface RunningSubject {
  readonly subject: Subject;
  /** The Node process. */
  readonly pid: number;
  /** `http://host:port` of the product's HTTP server; empty for the other subjects. */
  readonly address: string;
  /** The data folder. Only the product uses it. */
  readonly dataDir: string;
  /** The roots of its process trees: Node, and the embedded PostgreSQL if there is one. */
  roots(): number[];
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;

export interface StartOptions {
  /** Limit of calls to Telegram over all chats; `Infinity` for none. */
  callsPerSecond: number;
}

/** Starts the subject with the environment's stand-ins. Resolves when it accepts messages. */
export async function startSubject(
  subject: Subject,
  environment: Environment,
  options: StartOptions,
): Promise<RunningSubject> {
  const dataDir = mkdtempSync(join(tmpdir(), "counterhand-bench-"));
  const child = spawn(process.execPath, [subject.file], {
    env: {
      PATH: process.env.PATH,
      HOME: dataDir,
      DATA_DIR: dataDir,
      TELEGRAM_API_ROOT: environment.telegram.apiRoot,
      TELEGRAM_BOT_TOKEN: BOT_TOKEN,
      OPENAI_BASE_URL: environment.model.url,
      PEOPLE: `${FIRST_PERSON_ID},${MAX_PEOPLE}`,
      CALLS_PER_SECOND: String(options.callsPerSecond),
      NODE_ENV: "production",
      ...(process.env.LOG_LEVEL === undefined ? {} : { LOG_LEVEL: process.env.LOG_LEVEL }),
    },
    // Its standard input ends when this process exits, for any reason.
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const output = await waitUntilReady(child, exited, subject);
  return {
    subject,
    pid: child.pid ?? 0,
    address: /^address (\S+)$/m.exec(output)?.[1] ?? "",
    dataDir,
    roots: () => [child.pid ?? 0, ...postmasterOf(dataDir)],
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
      await exited;
      clearTimeout(timer);
      // Only a killed process leaves its PostgreSQL running.
      for (const pid of postmasterOf(dataDir)) process.kill(pid, "SIGINT");
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/** @returns the output so far. */
async function waitUntilReady(child: ChildProcess, exited: Promise<void>, { label }: Subject): Promise<string> {
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  let output = "";
  child.stdout?.on("data", (chunk) => {
    output = (output + chunk).slice(-10_000);
    if (/^ready$/m.test(output)) resolve();
  });
  void exited.then(() => reject(new Error(`${label} exited before it was ready: ${output}`)));
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    reject(new Error(`${label} was not ready within ${READY_LIMIT_MS} ms: ${output}`));
  }, READY_LIMIT_MS);
  await ready.finally(() => clearTimeout(timer));
  return output;
}

/** The process id of the embedded PostgreSQL in this folder, if one runs. */
function postmasterOf(dataDir: string): number[] {
  return readdirSync(dataDir)
    .filter((name) => /^pg\d+$/.test(name))
    .flatMap((name) => {
      const pid = Number.parseInt(readIfThere(join(dataDir, name, "postmaster.pid")), 10);
      return Number.isNaN(pid) ? [] : [pid];
    });
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}
