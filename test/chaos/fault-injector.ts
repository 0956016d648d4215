/** Injects the planned faults into the running processes, the links and the stand-ins. */
import type { Fault as TelegramFault } from "../../sandbox/telegram/faults.ts";
import type { TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { ObservedDatabase } from "./observed-database.ts";
import type { Fault, PlannedFault } from "./plan.ts";
import type { Slot } from "./processes.ts";
import type { Disturbance } from "./recording.ts";

export interface FaultTargets {
  readonly slots: readonly Slot[];
  readonly telegram: TelegramStandIn;
  readonly database: ObservedDatabase;
  readonly disturbances: Disturbance[];
}

export interface FaultInjector {
  /** Injects a fault, or queues it while no process is up. Never throws; a fault that takes time runs in the background. */
  inject(planned: PlannedFault): void;
  /** The number of faults that wait for a process. */
  waiting(): number;
  /** Tries the waiting faults again. */
  retry(): void;
  /** Resolves when all injected faults have ended: every link works and no process is frozen. */
  settled(): Promise<void>;
}

export function createFaultInjector(targets: FaultTargets): FaultInjector {
  let queue: PlannedFault[] = [];
  const running = new Set<Promise<void>>();
  const track = (work: Promise<void>) => {
    const done = work.finally(() => running.delete(done));
    running.add(done);
  };
  const inject = (planned: PlannedFault) => {
    const slot = pickSlot(targets.slots, planned);
    if (slot) track(apply(planned.fault, slot, targets));
    else queue.push(planned);
  };
  return {
    inject,
    waiting: () => queue.length,
    retry() {
      const waiting = queue;
      queue = [];
      for (const planned of waiting) inject(planned);
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

/** The planned slot, or the next one whose process is up. Faults of links and stand-ins need no process. */
function pickSlot(slots: readonly Slot[], { slot, fault }: PlannedFault): Slot | undefined {
  const fromPlanned = [...slots.slice(slot), ...slots.slice(0, slot)];
  if (fault.kind !== "kill" && fault.kind !== "terminate" && fault.kind !== "freeze") return fromPlanned[0];
  const up = fromPlanned.filter((candidate) => candidate.isUp());
  const isLast = up.length === 1 && fault.kind !== "freeze" && !fault.evenTheLast;
  return isLast ? undefined : up[0];
}

async function apply(fault: Fault, slot: Slot, targets: FaultTargets): Promise<void> {
  switch (fault.kind) {
    case "kill":
      return slot.kill(fault.pauseMs);
    case "terminate":
      return slot.terminate(fault.pauseMs, fault.secondAfterMs);
    case "freeze":
      return slot.freeze(fault.ms);
    case "cut":
      return slot.cut(fault.link);
    case "disturb":
      return slot.disturb(fault.link, fault.mode, fault.ms);
    case "backends":
      return terminateBackends(fault.all ? targets.slots : [slot], targets);
    case "server-crash":
      return crashServer(targets);
    case "telegram":
      return targets.telegram.failNext(fault.method, toTelegramFault(fault));
  }
}

async function crashServer({ database, disturbances, slots }: FaultTargets): Promise<void> {
  const names = slots.map(({ name }) => name);
  const crashes = names.map((slot): Disturbance => {
    const untilMs = Number.POSITIVE_INFINITY;
    return { kind: "server-crash", slot, link: "database", fromMs: Date.now(), untilMs };
  });
  disturbances.push(...crashes);
  await database.crashServer(names);
  for (const disturbance of crashes) disturbance.untilMs = Date.now();
}

async function terminateBackends(slots: readonly Slot[], { database, disturbances }: FaultTargets): Promise<void> {
  const names = slots.map(({ name }) => name);
  const fromMs = Date.now();
  await database.terminateBackends(names);
  for (const slot of names) {
    disturbances.push({ kind: "backends", slot, link: "database", fromMs, untilMs: Date.now() });
  }
}

function toTelegramFault({ fault, seconds }: Extract<Fault, { kind: "telegram" }>): TelegramFault {
  switch (fault) {
    case "too-many-requests":
      return { kind: "too-many-requests", retryAfterSeconds: seconds };
    case "http":
      return { kind: "http", status: 502, body: "<html>Bad Gateway</html>" };
    default:
      return { kind: fault };
  }
}
