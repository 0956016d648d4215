/** Metrics that are read at each scrape: the state of the queue in the database, of the pools and of the chats. */
import { Gauge, type Registry } from "prom-client";
import type { PoolUse } from "../meter.ts";
import type { DatabaseState } from "./database-state.ts";

export interface GaugeSources {
  /** By name of the pool: `intake`, `bot`, `admin`. */
  pools: Record<string, () => PoolUse>;
  /** Chats to which nothing is sent because Telegram asked to wait; null while it is unknown. */
  frozenChats(): number | null;
}

/** Registers the gauges of this process, which are set at each scrape. */
export function registerGauges(registry: Registry, sources: GaugeSources): void {
  registerPoolGauges([registry], sources);
  new Gauge({
    name: "counterhand_telegram_frozen_chats",
    help: "Chats to which this process sends nothing because Telegram asked to wait",
    registers: [registry],
    collect() {
      setOrRemove(this, sources.frozenChats());
    },
  });
}

const STATE_GAUGES: Record<keyof DatabaseState, { name: string; help: string }> = {
  queuedRuns: { name: "counterhand_runs_queued", help: "Runs that wait for a worker, in all processes" },
  oldestQueuedSeconds: {
    name: "counterhand_oldest_queued_run_seconds",
    help: "How long the oldest queued run that could start has waited; 0 when there is none",
  },
  runningRuns: { name: "counterhand_runs_running", help: "Runs that a worker works on, in all processes" },
  waitingDeliveries: {
    name: "counterhand_deliveries_waiting",
    help: "Replies of ended runs that are not delivered yet, in all processes",
  },
  oldestDeliverySeconds: {
    name: "counterhand_oldest_waiting_delivery_seconds",
    help: "How long ago the question of the oldest undelivered reply arrived; 0 when there is none",
  },
  liveWorkers: {
    name: "counterhand_workers_live",
    help: "Workers that hold their lock and renew their lease, in all processes",
  },
};

/**
 * Registers the gauges of the database. Call the returned function before each scrape, with null when the database did not
 * answer: then its gauges are absent rather than stale, and `counterhand_database_up` is 0.
 */
export function registerStateGauges(registry: Registry): (state: DatabaseState | null) => void {
  const registers = [registry];
  const help = "1 when the database answered this scrape in time, otherwise 0";
  const up = new Gauge({ name: "counterhand_database_up", help, registers });
  const keys = Object.keys(STATE_GAUGES) as (keyof DatabaseState)[];
  const gauges = keys.map((key) => ({ key, gauge: new Gauge({ ...STATE_GAUGES[key], registers }) }));
  return (state) => {
    up.set(state ? 1 : 0);
    for (const { key, gauge } of gauges) setOrRemove(gauge, state?.[key] ?? null);
  };
}

function registerPoolGauges(registers: Registry[], { pools }: GaugeSources): void {
  const gauge = (name: string, help: string, pick: (use: PoolUse) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["pool"],
      registers,
      collect() {
        for (const [pool, use] of Object.entries(pools)) this.set({ pool }, pick(use()));
      },
    });
  gauge("counterhand_pool_connections_max", "Most connections that a pool opens", ({ size }) => size);
  gauge("counterhand_pool_connections_in_use", "Connections of a pool that are in use", ({ inUse }) => inUse);
  gauge("counterhand_pool_waiting", "Callers that wait for a connection of a pool", ({ waiting }) => waiting);
}

/** prom-client reports a gauge without labels as 0 from the start, so an unknown value must be removed. */
function setOrRemove(gauge: Gauge, value: number | null): void {
  if (value === null) gauge.remove();
  else gauge.set(value);
}
