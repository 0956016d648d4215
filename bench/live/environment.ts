/** The processes of the benchmark of the live API: PostgreSQL on a folder of its own, the server, the subscribers, the writer. */
import { type ChildProcess, fork } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connectDatabase, createDatabaseIfMissing } from "../../src/db/client.ts";
import { startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { encodeGlobalId } from "../../src/graphql/lists/ids.ts";
import { BROKEN_OFF, stopOnSignals } from "../../src/process/signals.ts";
import type { SocketDatabase } from "../admin/database.ts";
import { startSubject } from "../admin/subject.ts";
import { watchMemory } from "../stream/process-tree.ts";
import type { Written } from "./marks.ts";
import type { Prepared, Received, ToSubscribers, ToWriter } from "./messages.ts";

export interface LiveScene {
  /** Of as many threads as there are subscribers, as the API names them. */
  readonly threadIds: readonly string[];
  /** Resolves when all of them have begun. */
  follow(query: string, variables: readonly object[]): Promise<void>;
  leave(): Promise<void>;
  /** Resolves when the last answer is complete, and had some time to arrive. */
  write(answersPerSecond: number, seconds: number): Promise<WrittenAndSpent>;
  report(what: Omit<ToSubscribers & { ask: "report" }, "ask">): Promise<Received>;
  close(): Promise<void>;
}

export interface WrittenAndSpent {
  readonly written: Written;
  /** CPU time of the server meanwhile, and how long that was, in milliseconds; the most memory that it held. */
  readonly cpuMs: number;
  readonly tookMs: number;
  readonly residentMiB: number;
}

const SUBSCRIBERS = fileURLToPath(new URL("subscribers.ts", import.meta.url));
const WRITER = fileURLToPath(new URL("writer.ts", import.meta.url));

/** For the last events to arrive, and for a server that is behind to catch up, in milliseconds. */
const SETTLE_MS = 3_000;

export async function startScene(dataDir: string, threads: number, nodeOptions: readonly string[]): Promise<LiveScene> {
  const server = await startEmbeddedPostgres({ dataDir });
  stopOnSignals(() => server.release(), BROKEN_OFF);
  const database = { socketDir: server.socketDir, user: server.user, database: "live" };
  await createDatabaseIfMissing(database, database.database);
  await migrate(database);
  const subject = await startSubject("ours", database, nodeOptions);
  const subscribers = startPart<ToSubscribers>(SUBSCRIBERS);
  const writer = startPart<ToWriter>(WRITER);
  const { threadIds } = await writer.ask<Prepared>({ ask: "prepare", database, threads });
  return {
    threadIds: threadIds.map((id) => encodeGlobalId("Thread", id)),
    async follow(query, variables) {
      await subscribers.ask({ ask: "follow", url: subject.url, headers: subject.headers, query, variables });
    },
    async leave() {
      await subscribers.ask({ ask: "leave" });
    },
    async write(answersPerSecond, seconds) {
      const before = await subject.usage();
      const startedAt = performance.now();
      const mostMiB = watchMemory(subject.pid);
      const written = await writer.ask<Written>({ ask: "write", answersPerSecond, seconds });
      const tookMs = performance.now() - startedAt;
      await pause(SETTLE_MS);
      const after = await subject.usage();
      return { written, cpuMs: after.cpuMs - before.cpuMs, tookMs, residentMiB: mostMiB() };
    },
    report: (what) => subscribers.ask<Received>({ ask: "report", ...what }),
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

/** A process of the benchmark's own, that answers each message with one. */
function startPart<Question extends object>(file: string) {
  const child: ChildProcess = fork(file);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    ask: <Answer>(question: Question) =>
      new Promise<Answer>((resolve, reject) => {
        const onExit = () => reject(new Error(`${file} ended before its time`));
        child.once("exit", onExit);
        child.once("message", (answer) => {
          child.off("exit", onExit);
          resolve(answer as Answer);
        });
        child.send(question);
      }),
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
