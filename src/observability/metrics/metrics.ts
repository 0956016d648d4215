/**
 * The metrics of one process in Prometheus' text format: counters and histograms (`counted.ts`), gauges (`gauges.ts`), and
 * prom-client's metrics of the process itself.
 *
 * Each instance has its own registry, so that two products in one process, as in a test, do not count each other.
 * `endpoint.ts` decides who may read them. `docs/metrics.md` explains each metric.
 */
import { collectDefaultMetrics, Registry } from "prom-client";
import type { Meter } from "../meter.ts";
import { createMeter } from "./counted.ts";
import { createStateReader, type DatabaseState } from "./database-state.ts";
import { type GaugeSources, registerGauges, registerStateGauges } from "./gauges.ts";

export interface MetricsSources extends GaugeSources {
  /** Reads the state of the queue. May fail or hang, as the database does. */
  readDatabase(): Promise<DatabaseState>;
}

export interface Metrics {
  /** For the code that counts. */
  readonly meter: Meter;
  readonly contentType: string;
  /** The names of all metrics, whether or not they have values yet. */
  names(): string[];
  /** All metrics as text. Takes little more than two seconds at most, even when the database is unavailable. */
  scrape(): Promise<string>;
}

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const meter = createMeter(registry);
  const readState = createStateReader(sources.readDatabase);
  const setState = registerStateGauges(registry);
  registerGauges(registry, sources);
  // With the names that common dashboards use: `process_...` and `nodejs_...`.
  collectDefaultMetrics({ register: registry });
  return {
    meter,
    contentType: registry.contentType,
    names: () => registry.getMetricsAsArray().map(({ name }) => name),
    async scrape() {
      setState(await readState());
      return registry.metrics();
    },
  };
}
