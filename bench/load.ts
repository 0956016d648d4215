/**
 * A load test: 2,000 messages in 500 chats on one process, with a durable database and Telegram's rate limits.
 *
 * Once the messages are spread over nine seconds, once all come at the same time. Measured: the time until all are committed
 * and confirmed to Telegram, missing messages, health checks meanwhile, memory, and the time until all answers are complete.
 */

import { join } from "node:path";
import { eq } from "drizzle-orm";
import type { StandInChat } from "../sandbox/telegram/world/chat.ts";
import { loadConfig } from "../src/config.ts";
import { type OpenDatabase, openDatabase } from "../src/db/open.ts";
import { saveStaffMember } from "../src/db/queries/chat/staff.ts";
import { messages } from "../src/db/schema/index.ts";
import { createLogger } from "../src/observability/logger.ts";
import { rounded, type Summary, saveResults, summarise } from "./report.ts";
import { createEnvironment, type Environment } from "./stream/environment.ts";
import { watchMemory } from "./stream/process-tree.ts";
import type { Plan, Question } from "./stream/question.ts";
import { type RunningSubject, SUBJECTS, startSubject } from "./stream/subject.ts";

interface LoadResult {
  messages: number;
  chats: number;
  arrivedWithinSeconds: number;
  /** From the first message to the confirmation of the last. */
  committedWithinSeconds: number;
  /** From a message's arrival to its confirmation, in milliseconds. */
  commitLagMs: Summary;
  /** Messages that are missing in the database, and messages that are stored twice. */
  lost: number;
  doubled: number;
  health: { checks: number; failed: number; slowestMs: number };
  peakResidentMiB: number;
  /** Until every answer was complete in its chat. Telegram accepts 30 calls per second. */
  answeredWithinSeconds: number;
  unanswered: number;
  /** Calls that Telegram refused. */
  refused: number;
}

const MESSAGES = 2_000;
const CHATS = 500;
const SPREAD_SECONDS = 9;
const HEALTH_INTERVAL_MS = 100;
const COMMIT_LIMIT_MS = 120_000;
const ANSWER_LIMIT_MS = 400_000;
/** Telegram's real limit. Without it, answers would go out while messages still come in. */
const CALLS_PER_SECOND = 30;

/** Runs the benchmark and saves the results. */
export async function benchLoad(): Promise<void> {
  const spread = await measure(SPREAD_SECONDS);
  const atOnce = await measure(0);
  console.table({ spread: flat(spread), "at once": flat(atOnce) });
  saveResults("load", { spread, atOnce });
}

async function measure(seconds: number): Promise<LoadResult> {
  const environment = await createEnvironment({ limits: "telegram" });
  const [ours] = SUBJECTS;
  if (!ours) throw new Error("the product itself is the first subject");
  const running = await startSubject(ours, environment, { callsPerSecond: CALLS_PER_SECOND });
  try {
    return await sendMessages(environment, running, seconds);
  } finally {
    await running.stop();
    await environment.close();
  }
}

async function sendMessages(environment: Environment, running: RunningSubject, seconds: number): Promise<LoadResult> {
  const chats = Array.from({ length: CHATS }, () => environment.privateChat());
  await addStaff(running, chats);
  const stopWatching = watchMemory(running.pid);
  const stopChecking = checkHealth(running.address);
  const lags = recordLags(environment);
  const startedAt = environment.now();

  const asked: Question[] = [];
  for (let index = 0; index < MESSAGES; index++) {
    await waitUntil(environment, startedAt + (index / MESSAGES) * seconds * 1_000);
    const chat = chats[index % CHATS];
    if (chat) asked.push(environment.ask(chat, answerTo(index)));
  }
  const arrivedAt = environment.now();
  await environment.telegram.waitFor(() => environment.telegram.pendingUpdates().length === 0, {
    timeoutMs: COMMIT_LIMIT_MS,
  });
  const committedAt = environment.now();
  const health = await stopChecking();
  const complete = await Promise.all(asked.map((question) => environment.waitUntilComplete(question, ANSWER_LIMIT_MS)));

  return {
    messages: MESSAGES,
    chats: CHATS,
    arrivedWithinSeconds: inSeconds(arrivedAt - startedAt),
    committedWithinSeconds: inSeconds(committedAt - startedAt),
    commitLagMs: summarise(lags()),
    ...(await countStored(running, asked)),
    health,
    peakResidentMiB: rounded(stopWatching()),
    answeredWithinSeconds: inSeconds(environment.now() - startedAt),
    unanswered: complete.filter((isComplete) => !isComplete).length,
    refused: environment.telegram.limitCounts().refused,
  };
}

/** A short answer without delay, with a unique last word. */
function answerTo(index: number): Plan {
  return [{ tokens: ["Two ", "products ", "are ", "low: ", `end${index + MESSAGES}`], perSecond: 400 }];
}

/** Resolves at this time of the environment's clock, immediately if it has passed. */
async function waitUntil(environment: Environment, atMs: number): Promise<void> {
  const waitMs = atMs - environment.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
}

/** @returns a function that returns the times from arrival to confirmation of each update, in milliseconds. */
function recordLags({ telegram, now }: Environment): () => number[] {
  const arrivedAt = new Map<number, number>();
  const lags: number[] = [];
  telegram.onChange(({ kind }) => {
    if (kind === "update-new") {
      const newest = telegram.pendingUpdates().at(-1);
      if (newest) arrivedAt.set(newest.update_id, now());
    }
    if (kind !== "updates-confirmed") return;
    const pending = new Set(telegram.pendingUpdates().map(({ update_id: id }) => id));
    for (const [id, atMs] of arrivedAt) {
      if (pending.has(id)) continue;
      lags.push(now() - atMs);
      arrivedAt.delete(id);
    }
  });
  return () => lags;
}

/** Checks the process's health regularly. @returns a function that stops the checks and returns their result. */
function checkHealth(address: string): () => Promise<LoadResult["health"]> {
  const health = { checks: 0, failed: 0, slowestMs: 0 };
  let isStopped = false;
  const check = async () => {
    const sentAt = performance.now();
    const isHealthy = await fetch(`${address}/healthz`).then(
      ({ status }) => status === 200,
      () => false,
    );
    health.checks += 1;
    if (!isHealthy) health.failed += 1;
    health.slowestMs = rounded(Math.max(health.slowestMs, performance.now() - sentAt));
  };
  const checking = (async () => {
    while (!isStopped) {
      await check();
      await new Promise((resolve) => setTimeout(resolve, HEALTH_INTERVAL_MS));
    }
  })();
  return async () => {
    isStopped = true;
    await checking;
    return health;
  };
}

/** Adds everyone as staff before the measurement. */
async function addStaff(running: RunningSubject, chats: readonly StandInChat[]): Promise<void> {
  const open = await openSubjectDatabase(running);
  for (const { id } of chats) {
    await saveStaffMember(open.database.db, { telegramUserId: id, name: "Lan", username: null, role: "owner" });
  }
  await open.close();
}

/** Opens the embedded database of the running process. */
function openSubjectDatabase({ dataDir }: RunningSubject): Promise<OpenDatabase> {
  const logger = createLogger({ level: "error", pretty: false });
  return openDatabase(loadConfig({ DATA_DIR: dataDir }, join(dataDir, "no.env")), logger);
}

async function countStored(running: RunningSubject, asked: readonly Question[]) {
  const open = await openSubjectDatabase(running);
  const rows = await open.database.db
    .select({ id: messages.telegramMessageId })
    .from(messages)
    .where(eq(messages.role, "user"));
  await open.close();
  const stored = new Set(rows.map(({ id }) => id));
  const lost = asked.filter(({ messageId }) => !stored.has(messageId)).length;
  return { lost, doubled: rows.length - stored.size };
}

function inSeconds(ms: number): number {
  return rounded(ms / 1_000);
}

function flat({ commitLagMs, health, ...rest }: LoadResult) {
  return { ...rest, lagP50Ms: commitLagMs.p50, lagMaxMs: commitLagMs.max, healthFailed: health.failed };
}
