/**
 * The metrics of one process, in Prometheus' text format: what is counted (`counted.ts`), what is looked up (`gauges.ts`),
 * and what prom-client says of the process itself.
 *
 * A registry of its own, so that two products in one process, as in a test, never count each other. Who may read it is
 * `endpoint.ts`'s matter. `docs/metrics.md` explains each one.
 */
import { collectDefaultMetrics, Registry } from "prom-client";
import type { Meter } from "../meter.ts";
import { createMeter } from "./counted.ts";
import { createStateReader, type DatabaseState, type StateReaderOptions } from "./database-state.ts";
import { type GaugeSources, registerGauges } from "./gauges.ts";

export interface MetricsSources extends Omit<GaugeSources, "readState"> {
  /** Reads the state of the queue; may fail or hang as the database does. */
  readDatabase(): Promise<DatabaseState>;
}

export interface Metrics {
  /** Where the other rooms count. */
  readonly meter: Meter;
  readonly contentType: string;
  /** The names of all metrics, whether or not they have values yet. */
  names(): string[];
  /** Everything as text. Takes a little longer than two seconds at most, also when the database is away. */
  scrape(): Promise<string>;
}

/** `options`: how the state of the database is read. */
export function createMetrics(sources: MetricsSources, options?: StateReaderOptions): Metrics {
  const registry = new Registry();
  const meter = createMeter(registry);
  registerGauges(registry, { ...sources, readState: createStateReader(sources.readDatabase, options) });
  // Under the names that every dashboard knows: `process_...` and `nodejs_...`.
  collectDefaultMetrics({ register: registry });
  return {
    meter,
    contentType: registry.contentType,
    names: () => registry.getMetricsAsArray().map(({ name }) => name),
    scrape: () => registry.metrics(),
  };
}
