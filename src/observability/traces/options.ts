/** What traces are started with, and what a start returns. Types only. */
import type { Tracer } from "../tracer.ts";

export interface TracingOptions extends ExporterOptions {
  /** The part of all runs that is traced, from 0 to 1. */
  readonly sampleRatio: number;
  readonly serviceName: string;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  /** Whether spans contain what was said, and what tools were given and returned. */
  readonly capturesContent: boolean;
  /** Who answers: it is in the name of each trace. */
  readonly agentName: string;
  /** The base URL of the model's server; null for the stand-in, which is no server of anybody. */
  readonly modelServer: string | null;
}

export interface ExporterOptions {
  /** The whole URL. */
  readonly endpoint: string;
  /** They may hold a key. */
  readonly headers: Readonly<Record<string, string>>;
  /** How long one request may take. */
  readonly timeoutMs: number;
  readonly compression: "none" | "gzip";
}

export interface Tracing {
  /** Left out when traces are off. */
  readonly tracer?: Tracer;
  /** Sends what waits. Takes two seconds at most, also when the collector does not answer. */
  stop(): Promise<void>;
}
