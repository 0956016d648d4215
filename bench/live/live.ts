/**
 * `npm run bench -- live`: the latency of subscriptions of the admin API, and their cost for the server.
 *
 *   npm run bench -- live --subscribers 100 --seconds 5             a small run; printed, not saved
 *   npm run bench -- live --only everything --rates 1,2             one case at these rates (answers per second)
 *
 * "thread": each subscriber follows one thread, while a shop at full load gets answers in all of them.
 * "everything": all subscribers follow all activity, as dashboards do. The rate rises until it is too high.
 * The server, the subscribers, the writer and PostgreSQL are separate processes on one machine with one clock. The latency of an
 * event starts when the statement that stores it is sent. It includes the commit, so it is an upper bound.
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { rounded, saveResults } from "../report.ts";
import { machineMs } from "./clock.ts";
import { type LiveEnvironment, startEnvironment } from "./environment.ts";
import type { Received } from "./messages.ts";

interface Plan {
  readonly subscribers: number;
  readonly seconds: number;
  readonly rates: readonly number[];
}

interface Case {
  readonly answersPerSecond: number;
  /** Number of marked events, and average number of all events per subscriber. */
  readonly marks: number;
  readonly eventsPerSubscriber: number;
  readonly received: Received;
  readonly serverCpuMs: number;
  readonly serverCpuUsPerDelivery: number;
  readonly serverCpuShare: number;
  readonly serverResidentMiB: number;
  readonly loadAverage: number;
}

/** The planned maximum: 500 people who ask every 20 seconds. */
const FULL_LOAD = 25;
/** Answers per second. One answer causes about 20 events. */
const RATES = [0.1, 0.25, 0.5, 1, 2, 4, 8];
const TARGET_P99_MS = 50;
/** The first events are slow, because nothing is compiled yet. */
const WARM_UP_SECONDS = 3;

const EVENT = `__typename
  ... on ActivityStarted { cursor repliesInProgress { text run { id status } } }
  ... on MessageAdded { cursor thread { id title } message { id role text createdAt } }
  ... on ReplyText { cursor thread { id } run { id } offset delta }
  ... on RunChanged { cursor thread { id title } run { id status queuedAt completedAt } }
  ... on ToolCallChanged { cursor thread { id } toolCall { id name status startedAt completedAt } }`;
const THREAD = `subscription ($id: ID) { threadActivity(threadId: $id) { ${EVENT} } }`;
const EVERYTHING = `subscription { activity { ${EVENT} } }`;

/** Runs the benchmark. A complete run is saved in `bench/results/live.json`. */
export async function benchLive(args: readonly string[]): Promise<void> {
  const { settings, isSelected, isComplete } = readArguments(args);
  const folder = mkdtempSync(join(tmpdir(), "counterhand-bench-live-"));
  const environment = await startEnvironment(join(folder, "database"), settings.subscribers);
  try {
    const thread = isSelected("thread") ? await followThreads(environment, settings) : null;
    const everything = isSelected("everything") ? await followEverything(environment, settings) : [];
    if (isComplete) saveResults("live", { ...settings, warmUpSeconds: WARM_UP_SECONDS, thread, everything });
  } finally {
    await environment.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function followThreads(environment: LiveEnvironment, plan: Plan): Promise<Case> {
  await environment.follow(
    THREAD,
    environment.threadIds.map((id) => ({ id })),
  );
  const measured = await measure(environment, plan, { answersPerSecond: FULL_LOAD, each: false });
  print("one thread per subscriber", measured);
  await environment.unsubscribe();
  return measured;
}

/** Stops after the first rate that is too high. */
async function followEverything(environment: LiveEnvironment, plan: Plan): Promise<Case[]> {
  const cases: Case[] = [];
  for (const answersPerSecond of plan.rates) {
    await environment.follow(
      EVERYTHING,
      Array.from({ length: plan.subscribers }, () => ({})),
    );
    const measured = await measure(environment, plan, { answersPerSecond, each: true });
    print("everything", measured);
    cases.push(measured);
    await environment.unsubscribe();
    if (measured.received.sinceSent.p99 > TARGET_P99_MS || measured.received.lost > 0) break;
  }
  return cases;
}

async function measure(
  environment: LiveEnvironment,
  { subscribers, seconds }: Plan,
  { answersPerSecond, each }: { answersPerSecond: number; each: boolean },
): Promise<Case> {
  const fromMs = machineMs() + WARM_UP_SECONDS * 1_000;
  const { written, cpuMs, tookMs, residentMiB } = await environment.write(answersPerSecond, WARM_UP_SECONDS + seconds);
  const received = await environment.report({ written, fromMs, each });
  return {
    answersPerSecond,
    marks: written.sentAtMs.length,
    eventsPerSubscriber: rounded(received.deliveries / subscribers),
    received,
    serverCpuMs: rounded(cpuMs),
    serverCpuUsPerDelivery: rounded((cpuMs * 1_000) / received.deliveries),
    serverCpuShare: Math.round((100 * cpuMs) / tookMs) / 100,
    serverResidentMiB: rounded(residentMiB),
    loadAverage: rounded(loadavg()[0] ?? 0),
  };
}

function print(name: string, { received, ...measured }: Case): void {
  const { sinceSent, sinceCommit, lost, overtaken, doubled, ended } = received;
  console.log(`\n${name}, ${measured.answersPerSecond} answers per second`);
  console.table({ "from statement, ms": sinceSent, "from commit, ms": sinceCommit });
  console.log(JSON.stringify({ lost, overtaken, doubled, ended, deliveries: received.deliveries, ...measured }));
}

function readArguments(args: readonly string[]) {
  const options = {
    subscribers: { type: "string", default: "1000" },
    seconds: { type: "string", default: "20" },
    rates: { type: "string", default: RATES.join(",") },
    only: { type: "string" },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const { only } = values;
  if (only !== undefined && only !== "thread" && only !== "everything") {
    throw new Error(`--only: unknown case ${only}. Choose one of: thread, everything.`);
  }
  const settings = {
    subscribers: Number(values.subscribers),
    seconds: Number(values.seconds),
    rates: values.rates.split(",").map(Number),
  };
  return {
    settings,
    isSelected: (name: "thread" | "everything") => only === undefined || only === name,
    isComplete: args.length === 0,
  };
}
