/** What goes wrong: the planned acts, carried out against the processes that are up, the borders and the stand-ins. */
import type { Fault } from "../../sandbox/telegram/faults.ts";
import type { TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { ObservedDatabase } from "./observed-database.ts";
import type { Act, PlannedAct } from "./plan.ts";
import type { Slot } from "./processes.ts";
import type { Disturbance } from "./recording.ts";

export interface FaultTargets {
  readonly slots: readonly Slot[];
  readonly telegram: TelegramStandIn;
  readonly database: ObservedDatabase;
  readonly disturbances: Disturbance[];
}

export interface Faults {
  /** Carries an act out, or keeps it for later when no process is up. Never throws; what takes time goes on by itself. */
  perform(planned: PlannedAct): void;
  /** Acts that still wait for a process. */
  waiting(): number;
  /** Tries those again. */
  retry(): void;
  /** Settles when what goes on by itself is over: every border passes and nobody is frozen. */
  settled(): Promise<void>;
}

export function createFaults(targets: FaultTargets): Faults {
  let kept: PlannedAct[] = [];
  const going = new Set<Promise<void>>();
  const goOn = (work: Promise<void>) => {
    const done = work.finally(() => going.delete(done));
    going.add(done);
  };
  const perform = (planned: PlannedAct) => {
    const slot = pick(targets.slots, planned);
    if (slot) goOn(carryOut(planned.act, slot, targets));
    else kept.push(planned);
  };
  return {
    perform,
    waiting: () => kept.length,
    retry() {
      const again = kept;
      kept = [];
      for (const planned of again) perform(planned);
    },
    async settled() {
      while (going.size > 0) await Promise.all(going);
    },
  };
}

/** The planned slot, or the next one whose process is up. Borders and stand-ins need none. */
function pick(slots: readonly Slot[], { slot, act }: PlannedAct): Slot | undefined {
  const fromHere = [...slots.slice(slot), ...slots.slice(0, slot)];
  if (act.kind !== "kill" && act.kind !== "terminate" && act.kind !== "freeze") return fromHere[0];
  const up = fromHere.filter((candidate) => candidate.isUp());
  const isLast = up.length === 1 && act.kind !== "freeze" && !act.evenTheLast;
  return isLast ? undefined : up[0];
}

async function carryOut(act: Act, slot: Slot, targets: FaultTargets): Promise<void> {
  switch (act.kind) {
    case "kill":
      return slot.kill(act.pauseMs);
    case "terminate":
      return slot.terminate(act.pauseMs, act.secondAfterMs);
    case "freeze":
      return slot.freeze(act.ms);
    case "cut":
      return slot.cut(act.border);
    case "disturb":
      return slot.disturb(act.border, act.mode, act.ms);
    case "backends":
      return endBackends(act.all ? targets.slots : [slot], targets);
    case "server-crash":
      return crashServer(targets);
    case "telegram":
      return targets.telegram.failNext(act.method, faultOf(act));
  }
}

async function crashServer({ database, disturbances, slots }: FaultTargets): Promise<void> {
  const names = slots.map(({ name }) => name);
  const began = names.map((slot): Disturbance => {
    const untilMs = Number.POSITIVE_INFINITY;
    return { kind: "server-crash", slot, border: "database", fromMs: Date.now(), untilMs };
  });
  disturbances.push(...began);
  await database.crashServer(names);
  for (const disturbance of began) disturbance.untilMs = Date.now();
}

async function endBackends(slots: readonly Slot[], { database, disturbances }: FaultTargets): Promise<void> {
  const names = slots.map(({ name }) => name);
  const fromMs = Date.now();
  await database.terminateBackends(names);
  for (const slot of names) {
    disturbances.push({ kind: "backends", slot, border: "database", fromMs, untilMs: Date.now() });
  }
}

function faultOf({ fault, seconds }: Extract<Act, { kind: "telegram" }>): Fault {
  switch (fault) {
    case "too-many-requests":
      return { kind: "too-many-requests", retryAfterSeconds: seconds };
    case "http":
      return { kind: "http", status: 502, body: "<html>Bad Gateway</html>" };
    default:
      return { kind: fault };
  }
}
