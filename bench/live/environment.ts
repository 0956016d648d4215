/** The processes of the benchmark: PostgreSQL with a data folder of its own, the server, the subscribers and the writer. */
import { type ChildProcess, fork } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connectDatabase, createDatabaseIfMissing } from "../../src/db/client.ts";
import { startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { encodeGlobalId } from "../../src/graphql/lists/ids.ts";
import { INTERRUPTED, stopOnSignals } from "../../src/process/signals.ts";
import type { SocketDatabase } from "../admin/database.ts";
import { startSubject } from "../admin/subject.ts";
import { watchMemory } from "../stream/process-tree.ts";
import type { Written } from "./marks.ts";
import type { Prepared, Received, ToSubscribers, ToWriter } from "./messages.ts";

export interface LiveEnvironment {
  /** The API's ids of as many threads as there are subscribers. */
  readonly threadIds: readonly string[];
  /** Resolves when all subscriptions have started. */
  follow(query: string, variables: readonly object[]): Promise<void>;
  unsubscribe(): Promise<void>;
  /** Resolves some time after the last answer is complete, so that its events can arrive. */
  write(answersPerSecond: number, seconds: number): Promise<WrittenAndSpent>;
  report(request: Omit<ToSubscribers & { ask: "report" }, "ask">): Promise<Received>;
  close(): Promise<void>;
}

export interface WrittenAndSpent {
  readonly written: Written;
  /** The server's CPU time, the elapsed time (both in milliseconds), and the server's peak memory. */
  readonly cpuMs: number;
  readonly tookMs: number;
  readonly residentMiB: number;
}

const SUBSCRIBERS = fileURLToPath(new URL("subscribers.ts", import.meta.url));
const WRITER = fileURLToPath(new URL("writer.ts", import.meta.url));

/** Time for the last events to arrive, and for a slow server to catch up, in milliseconds. */
const SETTLE_MS = 3_000;

export async function startEnvironment(dataDir: string, threads: number): Promise<LiveEnvironment> {
  const server = await startEmbeddedPostgres({ dataDir });
  stopOnSignals(() => server.release(), INTERRUPTED);
  const database = { socketDir: server.socketDir, user: server.user, database: "live" };
  await createDatabaseIfMissing(database, database.database);
  await migrate(database);
  const subject = await startSubject("ours", database);
  const subscribers = startProcess<ToSubscribers>(SUBSCRIBERS);
  const writer = startProcess<ToWriter>(WRITER);
  const { threadIds } = await writer.ask<Prepared>({ ask: "prepare", database, threads });
  return {
    threadIds: threadIds.map((id) => encodeGlobalId("Thread", id)),
    async follow(query, variables) {
      await subscribers.ask({ ask: "follow", url: subject.url, headers: subject.headers, query, variables });
    },
    async unsubscribe() {
      await subscribers.ask({ ask: "unsubscribe" });
    },
    async write(answersPerSecond, seconds) {
      const before = await subject.usage();
      const startedAt = performance.now();
      const peakMiB = watchMemory(subject.pid);
      const written = await writer.ask<Written>({ ask: "write", answersPerSecond, seconds });
      const tookMs = performance.now() - startedAt;
      await pause(SETTLE_MS);
      const after = await subject.usage();
      return { written, cpuMs: after.cpuMs - before.cpuMs, tookMs, residentMiB: peakMiB() };
    },
    report: (request) => subscribers.ask<Received>({ ask: "report", ...request }),
    async close() {
      await Promise.all([writer.stop(), subscribers.stop(), subject.stop()]);
      await server.release();
    },
  };
}

async function migrate(target: SocketDatabase): Promise<void> {
  const database = connectDatabase(target, { poolSize: 1 });
  try {
    await migrateDatabase(database);
  } finally {
    await database.close();
  }
}

/** Starts a process that answers each message with one message. */
function startProcess<Request extends object>(file: string) {
  const child: ChildProcess = fork(file);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    ask: <Answer>(request: Request) =>
      new Promise<Answer>((resolve, reject) => {
        const onExit = () => reject(new Error(`${file} exited unexpectedly`));
        child.once("exit", onExit);
        child.once("message", (answer) => {
          child.off("exit", onExit);
          resolve(answer as Answer);
        });
        child.send(request);
      }),
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
