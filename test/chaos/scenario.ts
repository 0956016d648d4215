/** Runs one plan and records it: questions and faults at their times, then repair, then a wait for the last reply. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Environment, type SocketTarget, startEnvironment } from "./environment.ts";
import { createFaultInjector, type FaultInjector } from "./fault-injector.ts";
import type { Plan } from "./plan.ts";
import type { Recording } from "./recording.ts";
import { readShown } from "./telegram-record.ts";

export interface ScenarioOptions {
  readonly plan: Plan;
  readonly target: SocketTarget;
  /** Timeout for the replies after the last question, in milliseconds. */
  readonly drainLimitMs: number;
  /** Ends the run early; everything is stopped in order. */
  readonly signal?: AbortSignal;
  /** Called regularly with a line about the progress. */
  onProgress?(line: string): void;
}

export interface ScenarioResult {
  readonly recording: Recording;
  readonly durationMs: number;
  /** The folder with the processes' logs. */
  readonly folder: string;
}

const POLL_INTERVAL_MS = 250;
const PROGRESS_INTERVAL_MS = 10_000;

/** Runs the plan. Everything that it started has been stopped when it returns or throws. */
export async function runScenario(options: ScenarioOptions): Promise<ScenarioResult> {
  const startedAt = performance.now();
  const folder = await mkdtemp(join(tmpdir(), "counterhand-chaos-"));
  const environment = await startEnvironment(options.plan, options.target, folder);
  try {
    await Promise.all(environment.slots.map((slot) => slot.ready()));
    const reportProgress = createProgressReporter(options, environment);
    await runTimeline(options, environment, reportProgress);
    const timeoutReason = await waitForReplies(options, environment, reportProgress);
    const recording = await createRecording(environment, timeoutReason);
    return { recording, durationMs: performance.now() - startedAt, folder };
  } finally {
    await environment.close();
  }
}

/** Returns when all questions were asked and all faults have ended. */
async function runTimeline(
  { plan, signal }: ScenarioOptions,
  { people, slots, telegram, database, disturbances }: Environment,
  reportProgress: () => Promise<void>,
): Promise<void> {
  const faults = createFaultInjector({ slots, telegram, database, disturbances });
  const timeline = [
    ...plan.questions.map((question) => ({ atMs: question.atMs, run: () => people.ask(question) })),
    ...plan.stops.map((stop) => ({ atMs: stop.atMs, run: () => people.stop(stop) })),
    ...plan.faults.map((fault) => ({ atMs: fault.atMs, run: () => faults.inject(fault) })),
  ].sort((one, other) => one.atMs - other.atMs);
  const clock = createPlanClock(faults);
  for (const { atMs, run } of timeline) {
    while (!clock.isDue(atMs)) {
      await clock.waitFor(atMs);
      signal?.throwIfAborted();
      faults.retry();
      await reportProgress();
    }
    run();
  }
  while (faults.waiting() > 0) {
    await sleep(POLL_INTERVAL_MS);
    faults.retry();
  }
  await faults.settled();
}

/** The plan's clock. It pauses while a fault waits for a process: a slow machine takes longer, but runs the same plan. */
function createPlanClock(faults: FaultInjector) {
  const startedAt = Date.now();
  let pausedMs = 0;
  const remainingMs = (atMs: number) => startedAt + pausedMs + atMs - Date.now();
  return {
    isDue: (atMs: number) => remainingMs(atMs) <= 0 && faults.waiting() === 0,
    async waitFor(atMs: number) {
      const isPaused = faults.waiting() > 0;
      const sinceMs = Date.now();
      await sleep(isPaused ? POLL_INTERVAL_MS : Math.min(POLL_INTERVAL_MS, remainingMs(atMs)));
      if (faults.waiting() > 0) pausedMs += Date.now() - sinceMs;
    },
  };
}

function createProgressReporter({ onProgress }: ScenarioOptions, environment: Environment): () => Promise<void> {
  const startedAt = Date.now();
  let reportedAt = startedAt;
  return async () => {
    if (!onProgress || Date.now() - reportedAt < PROGRESS_INTERVAL_MS) return;
    reportedAt = Date.now();
    const { asked, open, undelivered } = await countUnfinished(environment);
    const state = `${asked} asked, ${open} runs open, ${undelivered} undelivered`;
    const seconds = Math.round((reportedAt - startedAt) / 1_000);
    onProgress(`${seconds} s: ${state}, ${environment.disturbances.length} disturbances`);
  };
}

/** @returns null when every question has its reply; otherwise what was unfinished at the timeout. */
async function waitForReplies(
  { drainLimitMs, signal }: ScenarioOptions,
  environment: Environment,
  reportProgress: () => Promise<void>,
): Promise<string | null> {
  const deadline = Date.now() + drainLimitMs;
  for (;;) {
    const { asked, received, open, undelivered, pendingUpdates } = await countUnfinished(environment);
    if (asked === received && open === 0 && undelivered === 0 && pendingUpdates === 0) return null;
    if (Date.now() > deadline) {
      return `after ${drainLimitMs} ms: ${asked - received} questions not received, ${open} runs open, ${undelivered} replies undelivered, ${pendingUpdates} updates unconfirmed`;
    }
    await reportProgress();
    await sleep(POLL_INTERVAL_MS);
    signal?.throwIfAborted();
  }
}

async function countUnfinished({ database, people, telegram }: Environment) {
  const [counts] = await database.query(
    (session) => session<{ received: number; open: number; undelivered: number }[]>`select
    (select count(*)::int from messages where role = 'user') as received,
    (select count(*)::int from runs where status in ('queued', 'in_progress', 'requires_action')) as open,
    (select count(*)::int from replies where status in ('pending', 'partial')) as undelivered`,
  );
  if (!counts) throw new Error("a select of counts returned no row");
  return { ...counts, asked: people.questions.length, pendingUpdates: telegram.pendingUpdates().length };
}

async function createRecording(environment: Environment, timeoutReason: string | null): Promise<Recording> {
  const { people, telegram, model, script, database, slots, disturbances, telegramCalls } = environment;
  return {
    questions: people.questions,
    stops: people.stops,
    disturbances,
    telegramCalls,
    shown: readShown(people.chats),
    modelRequests: script.requests,
    modelErrors: [
      ...model.refused.map(({ status, message }) => `${status}: ${message}`),
      ...model.unexpected.map((error) => String(error)),
    ],
    ...(await database.readChanges()),
    rows: await database.readRows(),
    pendingUpdates: telegram.pendingUpdates().length,
    crashes: slots.flatMap(({ crashes }) => crashes),
    timeoutReason,
  };
}
