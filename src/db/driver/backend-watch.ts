/**
 * Looks whether the server still has the process of a connection, for who waits for its answer without a time limit.
 *
 * A network that is cut off tells nobody, and TCP's own probes come late or end at a proxy. So another connection asks.
 */
import { setTimeout as pause } from "node:timers/promises";
import postgres, { type Sql } from "postgres";
import { answerWithin } from "../../process/timeout.ts";
import { connectionError, noAnswer } from "./connection-error.ts";

export interface BackendWatch {
  /** Rejects when the process is gone, or nobody says within the limit that it is not. Never resolves. */
  readonly lost: Promise<never>;
  stop(): void;
}

interface Watched {
  /** The server's process id. */
  readonly pid: number;
  /** Opens a connection to look from. */
  open(): Sql;
  /** How long an answer may take, in milliseconds; it is asked for several times as often. */
  readonly limitMs: number;
}

const LOOKS_PER_LIMIT = 8;

export function watchBackend({ pid, open, limitMs }: Watched): BackendWatch {
  const lost = Promise.withResolvers<never>();
  const stopping = new AbortController();
  const { signal } = stopping;
  // Nobody may be waiting at that moment.
  lost.promise.catch(() => undefined);
  const wait = () => pause(limitMs / LOOKS_PER_LIMIT, undefined, { signal });

  const watch = async () => {
    for (;;) {
      await wait();
      const isThere = await answerWithin(limitMs, ask(), noAnswer);
      if (!isThere) throw connectionError("CONNECTION_CLOSED", "the server has lost the connection");
    }
  };
  /** Again and again, until the server answers. */
  const ask = async (): Promise<boolean> => {
    for (;;) {
      const isThere = await look();
      if (isThere !== undefined) return isThere;
      await wait();
    }
  };
  /** Whether the process is there; undefined when nobody answers. Each time on a new connection: an old one may hang. */
  const look = async (): Promise<boolean | undefined> => {
    const session = open();
    const end = () => void session.end({ timeout: 0 }).catch(() => undefined);
    signal.addEventListener("abort", end);
    try {
      const found = await session`select 1 from pg_stat_activity where pid = ${pid}`;
      return found.length > 0;
    } catch (error) {
      // A server that refuses (it has too many connections) is there.
      return error instanceof postgres.PostgresError ? true : undefined;
    } finally {
      signal.removeEventListener("abort", end);
      end();
    }
  };

  const stop = () => stopping.abort();
  watch().catch((error: unknown) => {
    stop();
    lost.reject(error);
  });
  return { lost: lost.promise, stop };
}
