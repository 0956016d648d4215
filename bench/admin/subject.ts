/**
 * The compared servers, each a separate process on the same database: starting, usage figures and stopping.
 *
 * The requests and measurements are defined elsewhere.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SocketDatabase } from "./database.ts";

export type Dialect = "ours" | "peer";

export interface Subject {
  readonly dialect: Dialect;
  readonly pid: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What the process has used since its start. */
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

export interface Usage {
  readonly cpuMs: number;
  /** Number of SQL statements. */
  readonly statements: number;
}

export const LABELS: Record<Dialect, string> = { ours: "Counterhand", peer: "PostGraphile 5.1" };

/** A package of its own, with its own dependencies. */
const PEER = fileURLToPath(new URL("peer/", import.meta.url));

const FILES: Record<Dialect, string> = {
  ours: fileURLToPath(new URL("ours.ts", import.meta.url)),
  peer: `${PEER}server.js`,
};

const ADMIN_TOKEN = "bench-admin-token-of-at-least-32-characters";

const STOP_LIMIT_MS = 5_000;

/** With `NODE_OPTIONS=--cpu-prof` in the environment, it writes a CPU profile when it stops. */
export async function startSubject(dialect: Dialect, database: SocketDatabase): Promise<Subject> {
  const child = fork(FILES[dialect], {
    execArgv: [],
    env: {
      PATH: process.env.PATH,
      NODE_OPTIONS: process.env.NODE_OPTIONS,
      NODE_ENV: "production",
      SOCKET_DIR: database.socketDir,
      DATABASE_USER: database.user,
      DATABASE: database.database,
      ADMIN_TOKEN,
    },
  });
  // Not "close": it is never emitted after `disconnect()`.
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const failed = exited.then(() => {
    throw new Error(`${LABELS[dialect]} exited unexpectedly`);
  });
  // Rejects pending requests. Without one, the exit is normal and must not be an unhandled rejection.
  failed.catch(() => undefined);
  const { port } = await Promise.race([nextMessage<{ port: number }>(child), failed]);
  return {
    dialect,
    pid: child.pid ?? 0,
    url: `http://127.0.0.1:${port}/graphql`,
    headers: dialect === "ours" ? { authorization: `Bearer ${ADMIN_TOKEN}` } : {},
    usage: () => {
      const usage = nextMessage<Usage>(child);
      child.send("usage");
      return Promise.race([usage, failed]);
    },
    stop: async () => {
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve) => child.once("message", (message) => resolve(message as Message)));
}
