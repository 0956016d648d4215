/** What the benchmark and its two processes, the writer and the subscribers, say to each other. */
import type { SocketDatabase } from "../admin/database.ts";
import type { Written } from "./marks.ts";

/** What somebody follows, once for each subscriber. */
export interface Following {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: string;
  /** One for each subscriber. */
  readonly variables: readonly object[];
}

export type ToSubscribers =
  | ({ readonly ask: "follow" } & Following)
  /** What has come since they follow; `fromMs`: events that were sent before it count as warming up. */
  | { readonly ask: "report"; readonly written: Written; readonly fromMs: number; readonly each: boolean }
  | { readonly ask: "leave" };

export interface Received {
  /** For each event and subscriber in milliseconds, from the statement's sending and from its commit. */
  readonly sinceSent: Latency;
  readonly sinceCommit: Latency;
  /** Events that came to all subscribers together, of all kinds, from the first on. */
  readonly deliveries: number;
  /** Questions and answers that should have come and did not; pieces of an answer that came only as a part of it whole. */
  readonly lost: number;
  readonly overtaken: number;
  /** Whatever came again. */
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

/** The ids of the threads, as the database has them. */
export interface Prepared {
  readonly threadIds: readonly string[];
}
