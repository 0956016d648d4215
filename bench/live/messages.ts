/** The IPC messages between the benchmark and its processes, the writer and the subscribers. */
import type { SocketDatabase } from "../admin/database.ts";
import type { Written } from "./marks.ts";

/** The subscriptions to open. */
export interface Following {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: string;
  /** The variables of each subscriber. */
  readonly variables: readonly object[];
}

export type ToSubscribers =
  | ({ readonly ask: "follow" } & Following)
  /** Asks for what was received. Events sent before `fromMs` belong to the warm-up. */
  | { readonly ask: "report"; readonly written: Written; readonly fromMs: number; readonly each: boolean }
  | { readonly ask: "unsubscribe" };

export interface Received {
  /** Latencies of all events and subscribers in milliseconds, from sending the statement and from its commit. */
  readonly sinceSent: Latency;
  readonly sinceCommit: Latency;
  /** The number of events that all subscribers received, including the warm-up. */
  readonly deliveries: number;
  /** Questions and answers that were not received. */
  readonly lost: number;
  /** Pieces of an answer that were received only as part of the complete answer. */
  readonly overtaken: number;
  /** Events that were received more than once. */
  readonly doubled: number;
  /** Streams that have ended. */
  readonly ended: number;
}

export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export type ToWriter =
  | { readonly ask: "prepare"; readonly database: SocketDatabase; readonly threads: number }
  | { readonly ask: "write"; readonly answersPerSecond: number; readonly seconds: number };

/** The database ids of the threads. */
export interface Prepared {
  readonly threadIds: readonly string[];
}
