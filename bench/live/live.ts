/**
 * `npm run bench -- live`: how late subscribers of the admins' API hear of what happens, and what that costs the server.
 *
 *   npm run bench -- live --subscribers 100 --seconds 5             a small run: printed, not saved
 *   npm run bench -- live --only everything --rates 1,2             one case, at these answers a second
 *   npm run bench -- live --only everything --rates 1 --profile     where the server's CPU time goes
 *
 * "thread": each subscriber follows a thread of their own, while a shop at full load is answered in all of them.
 * "everything": all follow all that happens, as dashboards do, at a rate that grows until it is too much.
 * The server, the subscribers, the writer and PostgreSQL are processes of their own on one machine with one clock. An event's
 * time begins when the statement that stores it is sent: that its commit is part of it makes it an upper bound.
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { printProfile } from "../admin/profile.ts";
import { rounded, saveResults } from "../report.ts";
import { machineMs } from "./clock.ts";
import type { Received } from "./messages.ts";
import { type LiveScene, startScene } from "./environment.ts";

interface Plan {
  readonly subscribers: number;
  readonly seconds: number;
  readonly rates: readonly number[];
  /** Told when the measuring begins, in the machine's milliseconds: the last time counts. */
  readonly onBegin: (fromMs: number) => void;
}

interface Case {
  readonly answersPerSecond: number;
  /** Marked events, and events of all kinds that each subscriber got on average. */
  readonly marks: number;
  readonly eventsPerSubscriber: number;
  readonly received: Received;
  readonly serverCpuMs: number;
  readonly serverCpuUsPerDelivery: number;
  readonly serverCpuShare: number;
  readonly serverResidentMiB: number;
  readonly loadAverage: number;
}

/** The busiest that a shop is planned for: 500 people who ask every 20 seconds. */
const FULL_LOAD = 25;
/** Answers a second; one is some 20 events. */
const RATES = [0.1, 0.25, 0.5, 1, 2, 4, 8];
const TARGET_P99_MS = 50;
/** The first events are slow: nothing is compiled. */
const WARM_UP_SECONDS = 3;

const EVENT = `__typename
  ... on ActivityStarted { cursor repliesInProgress { text run { id status } } }
  ... on MessageAdded { cursor thread { id title } message { id role text createdAt } }
  ... on ReplyText { cursor thread { id } run { id } offset delta }
  ... on RunChanged { cursor thread { id title } run { id status queuedAt completedAt } }
  ... on ToolCallChanged { cursor thread { id } toolCall { id name status startedAt completedAt } }`;
const THREAD = `subscription ($id: ID) { threadActivity(threadId: $id) { ${EVENT} } }`;
const EVERYTHING = `subscription { activity { ${EVENT} } }`;

/** Runs it; a whole run is kept in `bench/results/live.json`. */
export async function benchLive(args: readonly string[]): Promise<void> {
  const { asked, wants, isProfiled, isWhole } = readArguments(args);
  const folder = mkdtempSync(join(tmpdir(), "counterhand-bench-live-"));
  const profileFolder = join(folder, "profile");
  const nodeOptions = isProfiled ? ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`, "--cpu-prof-interval=200"] : [];
  const scene = await startScene(join(folder, "database"), asked.subscribers, nodeOptions);
  let begunAtMs = machineMs();
  const onBegin = (fromMs: number) => {
    begunAtMs = fromMs;
  };
  const plan = { ...asked, onBegin };
  try {
    const thread = wants("thread") ? await followThreads(scene, plan) : null;
    const everything = wants("everything") ? await followEverything(scene, plan) : [];
    if (isWhole) saveResults("live", { ...asked, warmUpSeconds: WARM_UP_SECONDS, thread, everything });
  } finally {
    await scene.close();
    if (isProfiled) printProfile(profileFolder, begunAtMs * 1_000);
    else await rm(folder, { recursive: true, force: true });
  }
}

async function followThreads(scene: LiveScene, plan: Plan): Promise<Case> {
  await scene.follow(
    THREAD,
    scene.threadIds.map((id) => ({ id })),
  );
  const measured = await measure(scene, plan, { answersPerSecond: FULL_LOAD, each: false });
  print("a thread each", measured);
  await scene.leave();
  return measured;
}

/** Up to the first rate that is too much, that one included. */
async function followEverything(scene: LiveScene, plan: Plan): Promise<Case[]> {
  const cases: Case[] = [];
  for (const answersPerSecond of plan.rates) {
    await scene.follow(
      EVERYTHING,
      Array.from({ length: plan.subscribers }, () => ({})),
    );
    const measured = await measure(scene, plan, { answersPerSecond, each: true });
    print("everything", measured);
    cases.push(measured);
    await scene.leave();
    if (measured.received.sinceSent.p99 > TARGET_P99_MS || measured.received.lost > 0) break;
  }
  return cases;
}

async function measure(
  scene: LiveScene,
  { subscribers, seconds, onBegin }: Plan,
  { answersPerSecond, each }: { answersPerSecond: number; each: boolean },
): Promise<Case> {
  const fromMs = machineMs() + WARM_UP_SECONDS * 1_000;
  onBegin(fromMs);
  const { written, cpuMs, tookMs, residentMiB } = await scene.write(answersPerSecond, WARM_UP_SECONDS + seconds);
  const received = await scene.report({ written, fromMs, each });
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
  console.log(`\n${name}, ${measured.answersPerSecond} answers a second`);
  console.table({ "from sending, ms": sinceSent, "from commit, ms": sinceCommit });
  console.log(JSON.stringify({ lost, overtaken, doubled, ended, deliveries: received.deliveries, ...measured }));
}

function readArguments(args: readonly string[]) {
  const options = {
    subscribers: { type: "string", default: "1000" },
    seconds: { type: "string", default: "20" },
    rates: { type: "string", default: RATES.join(",") },
    only: { type: "string" },
    profile: { type: "boolean", default: false },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const { only } = values;
  if (only !== undefined && only !== "thread" && only !== "everything") {
    throw new Error(`--only: there is no ${only}. There are: thread, everything.`);
  }
  const asked = {
    subscribers: Number(values.subscribers),
    seconds: Number(values.seconds),
    rates: values.rates.split(",").map(Number),
  };
  return {
    asked,
    wants: (name: "thread" | "everything") => only === undefined || only === name,
    isProfiled: values.profile,
    isWhole: args.length === 0,
  };
}
