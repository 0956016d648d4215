/**
 * Checks whether the server still has the process of a connection, for a caller that waits for its answer without a limit.
 *
 * A network that is cut off reports nothing, and TCP keepalive probes come late or end at a proxy. So another connection
 * asks the server.
 */
import { setTimeout as pause } from "node:timers/promises";
import postgres, { type Sql } from "postgres";
import { answerWithin } from "../../process/timeout.ts";
import { connectionError, noAnswer } from "./connection-error.ts";

export interface BackendWatch {
  /** Rejects when the process is gone, or when the server does not confirm it in time. Never resolves. */
  readonly lost: Promise<never>;
  stop(): void;
}

interface WatchedBackend {
  /** The server's process id. */
  readonly pid: number;
  /** Opens a connection for one check. */
  open(): Sql;
  /** How long the server may take to confirm the process, in milliseconds. Checks are several times as frequent. */
  readonly timeoutMs: number;
}

const CHECKS_PER_TIMEOUT = 8;

export function watchBackend(backend: WatchedBackend): BackendWatch {
  const stopping = new AbortController();
  const lost = watch(backend, stopping.signal).finally(() => stopping.abort());
  // It may reject while no caller awaits it.
  lost.catch(() => undefined);
  return { lost, stop: () => stopping.abort() };
}

async function watch(backend: WatchedBackend, signal: AbortSignal): Promise<never> {
  for (;;) {
    await waitForNextCheck(backend, signal);
    const isRunning = await answerWithin(backend.timeoutMs, checkUntilAnswered(backend, signal), noAnswer);
    if (!isRunning) throw connectionError("CONNECTION_CLOSED", "the server has lost the connection");
  }
}

async function checkUntilAnswered(backend: WatchedBackend, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    const isRunning = await check(backend, signal);
    if (isRunning !== undefined) return isRunning;
    await waitForNextCheck(backend, signal);
  }
}

function waitForNextCheck({ timeoutMs }: WatchedBackend, signal: AbortSignal): Promise<void> {
  return pause(timeoutMs / CHECKS_PER_TIMEOUT, undefined, { signal });
}

/** Whether the process is there; undefined without an answer. Uses a new connection each time: an old one may hang. */
async function check({ pid, open }: WatchedBackend, signal: AbortSignal): Promise<boolean | undefined> {
  const session = open();
  const end = () => void session.end({ timeout: 0 }).catch(() => undefined);
  signal.addEventListener("abort", end);
  try {
    const found = await session`select 1 from pg_stat_activity where pid = ${pid}`;
    return found.length > 0;
  } catch (error) {
    // A server that refuses the connection (because it has too many) is alive.
    return error instanceof postgres.PostgresError ? true : undefined;
  } finally {
    signal.removeEventListener("abort", end);
    end();
  }
}
