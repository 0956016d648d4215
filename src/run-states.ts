/**
 * A run's life: its states, what each one means for workers, and which state may follow which. Pure.
 *
 * The database schema, the queue, the metrics, the usage figures and the GraphQL enum `RunStatus` take the states from
 * here. One more state is one more entry below, and a migration for the enum, checks and partial indexes of the database.
 */

/**
 * - `queued`: the run has not begun, and workers claim it. A stop ends it at once. It holds up no other reply.
 * - `running`: a worker has the run under a lease. When the worker dies or the lease expires, another takes the run over.
 * - `ended`: final.
 *
 * A state in which a run waits for something else is in a phase of its own: no worker claims it or takes it over, a stop is
 * stored for when it continues, and it is as open as a running one (`OPEN_STATUSES`, `BEGUN_STATUSES`).
 */
type Phase = "queued" | "running" | "ended";

const STATES = {
  queued: {
    phase: "queued",
    next: ["in_progress", "failed", "cancelled"],
    description: "The run waits for a worker.",
  },
  in_progress: {
    phase: "running",
    next: ["requires_action", "completed", "failed", "cancelled", "incomplete"],
    description: "The model is working on the answer.",
  },
  requires_action: {
    phase: "running",
    next: ["in_progress", "completed", "failed", "cancelled", "incomplete"],
    description: "The model waits for the outputs of its tool calls.",
  },
  completed: { phase: "ended", next: [], description: "The run ended with an answer." },
  failed: { phase: "ended", next: [], description: "The run ended with an error." },
  cancelled: { phase: "ended", next: [], description: "Somebody stopped the run." },
  incomplete: { phase: "ended", next: [], description: "The answer was cut short by a limit." },
} as const satisfies Record<string, { phase: Phase; next: readonly string[]; description: string }>;

export type RunStatus = keyof typeof STATES;

/** How a run can end. */
export type EndedRunStatus = InPhase<"ended">;

type InPhase<Wanted extends Phase> = {
  [Status in RunStatus]: (typeof STATES)[Status]["phase"] extends Wanted ? Status : never;
}[RunStatus];

interface State {
  readonly phase: Phase;
  /** The states that may follow it. No state leads back to `queued`: a queued run has never begun. */
  readonly next: readonly RunStatus[];
  /** One sentence for an admin. */
  readonly description: string;
}

export const RUN_STATES: Readonly<Record<RunStatus, State>> = STATES;

/** All states, in the order in which the database and GraphQL list them. */
export const RUN_STATUSES = Object.keys(STATES) as [RunStatus, ...RunStatus[]];

/** The state of a new run. */
export const FIRST_STATUS = "queued" satisfies RunStatus;

/** The state of a run that a worker has claimed for the first time. */
export const CLAIMED_STATUS = "in_progress" satisfies RunStatus;

/** Waiting for a worker, and for nothing else. */
export const QUEUED_STATUSES = statusesIn("queued");
export const RUNNING_STATUSES = statusesIn("running");
export const ENDED_STATUSES = statusesIn("ended");

/** Not ended. Such a run holds up the later runs of its thread. */
export const OPEN_STATUSES = RUN_STATUSES.filter((status) => RUN_STATES[status].phase !== "ended");

/** Open, and begun: people may have seen a part of the answer. */
export const BEGUN_STATUSES = OPEN_STATUSES.filter((status) => RUN_STATES[status].phase !== "queued");

/** Whether a run may pass from one state to another. */
export function canFollow(from: RunStatus, to: RunStatus): boolean {
  return RUN_STATES[from].next.includes(to);
}

function statusesIn<Wanted extends Phase>(phase: Wanted): InPhase<Wanted>[] {
  return RUN_STATUSES.filter((status): status is InPhase<Wanted> => RUN_STATES[status].phase === phase);
}
