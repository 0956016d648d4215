/**
 * The subjects that are compared, each a process of its own: how it is started, which processes it consists of, its end.
 *
 * What they are asked and how they are measured is the cases' business.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BOT_TOKEN, FIRST_PERSON_ID, MOST_PEOPLE, type Scene } from "./environment.ts";

export type SubjectName = "ours" | "chat-sdk" | "grammy-stream";

export interface Subject {
  readonly name: SubjectName;
  /** In tables and legends. */
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
  /** Its Node process. */
  readonly pid: number;
  /** `http://host:port` of its health, for ours; empty for the others. */
  readonly address: string;
  /** The folder of its database, for ours; empty for the others. */
  readonly dataDir: string;
  /** The roots of its process trees: Node, and the embedded PostgreSQL where there is one. */
  roots(): number[];
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;

export interface StartOptions {
  /** Calls to Telegram over all chats; `Infinity` for a Telegram without limits. */
  callsPerSecond: number;
}

/** Starts it on the scene's stand-ins; resolves when it takes messages. */
export async function startSubject(subject: Subject, scene: Scene, options: StartOptions): Promise<RunningSubject> {
  const dataDir = mkdtempSync(join(tmpdir(), "counterhand-bench-"));
  const child = spawn(process.execPath, [subject.file], {
    env: {
      PATH: process.env.PATH,
      HOME: dataDir,
      DATA_DIR: dataDir,
      TELEGRAM_API_ROOT: scene.telegram.apiRoot,
      TELEGRAM_BOT_TOKEN: BOT_TOKEN,
      OPENAI_BASE_URL: scene.model.url,
      PEOPLE: `${FIRST_PERSON_ID},${MOST_PEOPLE}`,
      CALLS_PER_SECOND: String(options.callsPerSecond),
      NODE_ENV: "production",
      ...(process.env.LOG_LEVEL === undefined ? {} : { LOG_LEVEL: process.env.LOG_LEVEL }),
    },
    // Its input ends when this process does, however that comes about.
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const written = await waitUntilReady(child, exited, subject);
  return {
    subject,
    pid: child.pid ?? 0,
    address: /^address (\S+)$/m.exec(written)?.[1] ?? "",
    dataDir,
    roots: () => [child.pid ?? 0, ...postmasterOf(dataDir)],
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
      await exited;
      clearTimeout(timer);
      // Only a process that had to be killed leaves its server behind.
      for (const pid of postmasterOf(dataDir)) process.kill(pid, "SIGINT");
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/** @returns what it wrote until then. */
async function waitUntilReady(child: ChildProcess, exited: Promise<void>, { label }: Subject): Promise<string> {
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  let written = "";
  child.stdout?.on("data", (chunk) => {
    written = (written + chunk).slice(-10_000);
    if (/^ready$/m.test(written)) resolve();
  });
  void exited.then(() => reject(new Error(`${label} ended before it was ready: ${written}`)));
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    reject(new Error(`${label} was not ready within ${READY_LIMIT_MS} ms: ${written}`));
  }, READY_LIMIT_MS);
  await ready.finally(() => clearTimeout(timer));
  return written;
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
