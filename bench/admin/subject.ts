/**
 * The servers that are compared, each a process of its own on one database: how it is started, what it says of itself, its end.
 *
 * What they are asked and how that is measured is known elsewhere.
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
  /** What its process has used since it was started. */
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

export interface Usage {
  readonly cpuMs: number;
  /** SQL statements that it sent. */
  readonly statements: number;
}

export const LABELS: Record<Dialect, string> = { ours: "Counterhand", peer: "PostGraphile 5.1" };

/** A package of its own, with libraries of its own. */
const PEER = fileURLToPath(new URL("peer/", import.meta.url));

const FILES: Record<Dialect, string> = {
  ours: fileURLToPath(new URL("ours.ts", import.meta.url)),
  peer: `${PEER}server.js`,
};

const ADMIN_TOKEN = "bench-admin-token-of-at-least-32-characters";

const STOP_LIMIT_MS = 5_000;

/** @param nodeOptions such as `--cpu-prof`. */
export async function startSubject(
  dialect: Dialect,
  database: SocketDatabase,
  nodeOptions: readonly string[] = [],
): Promise<Subject> {
  const child = fork(FILES[dialect], {
    execArgv: [...nodeOptions],
    env: {
      PATH: process.env.PATH,
      NODE_ENV: "production",
      SOCKET_DIR: database.socketDir,
      DATABASE_USER: database.user,
      DATABASE: database.database,
      ADMIN_TOKEN,
    },
  });
  // Not "close": it never comes after `disconnect()`.
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const ended = exited.then(() => {
    throw new Error(`${LABELS[dialect]} ended before its time`);
  });
  // Whoever waits for an answer hears of it; without anybody it is the ordinary end.
  ended.catch(() => undefined);
  const { port } = await Promise.race([answerOf<{ port: number }>(child), ended]);
  return {
    dialect,
    pid: child.pid ?? 0,
    url: `http://127.0.0.1:${port}/graphql`,
    headers: dialect === "ours" ? { authorization: `Bearer ${ADMIN_TOKEN}` } : {},
    usage: () => {
      const answer = answerOf<Usage>(child);
      child.send("usage");
      return Promise.race([answer, ended]);
    },
    stop: async () => {
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve) => child.once("message", (answer) => resolve(answer as Answer)));
}
