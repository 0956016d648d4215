/**
 * A rush: 2,000 messages over 500 chats on one process, with a durable database and a Telegram that keeps its limits.
 *
 * Once spread over nine seconds, once all at the same moment. Measured: how soon all are committed (Telegram has the word
 * that it may forget them), whether any is missing in the database, health meanwhile, memory, and the answers at the end.
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
import { watchMemory } from "./stream/process-tree.ts";
import type { Plan, Question } from "./stream/question.ts";
import { createScene, type Scene } from "./stream/environment.ts";
import { type RunningSubject, SUBJECTS, startSubject } from "./stream/subject.ts";

interface LoadResult {
  messages: number;
  chats: number;
  arrivedWithinSeconds: number;
  /** From the first message to the confirmation of the last. */
  committedWithinSeconds: number;
  /** From a message's arrival to its confirmation, in milliseconds. */
  commitLagMs: Summary;
  /** Of the messages, those that the database does not have, and those that it has twice. */
  lost: number;
  doubled: number;
  health: { checks: number; failed: number; slowestMs: number };
  peakResidentMiB: number;
  /** Until every answer stood complete in its chat; Telegram takes 30 calls a second. */
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
/** A Telegram without limits would let answers go out while messages come in: 30 a second is what is real. */
const CALLS_PER_SECOND = 30;

/** Runs it and keeps the results. */
export async function benchLoad(): Promise<void> {
  const spread = await measure(SPREAD_SECONDS);
  const atOnce = await measure(0);
  console.table({ spread: flat(spread), "at once": flat(atOnce) });
  saveResults("load", { spread, atOnce });
}

async function measure(seconds: number): Promise<LoadResult> {
  const scene = await createScene({ limits: "telegram" });
  const [ours] = SUBJECTS;
  if (!ours) throw new Error("the product itself is the first subject");
  const running = await startSubject(ours, scene, { callsPerSecond: CALLS_PER_SECOND });
  try {
    return await rush(scene, running, seconds);
  } finally {
    await running.stop();
    await scene.close();
  }
}

async function rush(scene: Scene, running: RunningSubject, seconds: number): Promise<LoadResult> {
  const chats = Array.from({ length: CHATS }, () => scene.privateChat());
  await letIn(running, chats);
  const stopWatching = watchMemory(running.pid);
  const stopChecking = checkHealth(running.address);
  const lags = recordLags(scene);
  const startedAt = scene.now();

  const asked: Question[] = [];
  for (let index = 0; index < MESSAGES; index++) {
    await until(scene, startedAt + (index / MESSAGES) * seconds * 1_000);
    const chat = chats[index % CHATS];
    if (chat) asked.push(scene.ask(chat, answerTo(index)));
  }
  const arrivedAt = scene.now();
  await scene.telegram.waitFor(() => scene.telegram.pendingUpdates().length === 0, { timeoutMs: COMMIT_LIMIT_MS });
  const committedAt = scene.now();
  const health = await stopChecking();
  const complete = await Promise.all(asked.map((question) => scene.waitUntilComplete(question, ANSWER_LIMIT_MS)));

  return {
    messages: MESSAGES,
    chats: CHATS,
    arrivedWithinSeconds: inSeconds(arrivedAt - startedAt),
    committedWithinSeconds: inSeconds(committedAt - startedAt),
    commitLagMs: summarise(lags()),
    ...(await countStored(running, asked)),
    health,
    peakResidentMiB: rounded(stopWatching()),
    answeredWithinSeconds: inSeconds(scene.now() - startedAt),
    unanswered: complete.filter((isComplete) => !isComplete).length,
    refused: scene.telegram.limitCounts().refused,
  };
}

/** A short answer at once, with a last word of its own. */
function answerTo(index: number): Plan {
  return [{ tokens: ["Two ", "products ", "are ", "low: ", `end${index + MESSAGES}`], perSecond: 400 }];
}

/** Resolves at a time of the scene's clock, at once when it has passed. */
async function until(scene: Scene, atMs: number): Promise<void> {
  const waitMs = atMs - scene.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
}

/** @returns a function that gives the time from each update's arrival to its confirmation. */
function recordLags({ telegram, now }: Scene): () => number[] {
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

/** Asks after the process's health all the time. @returns a function that ends it and says how it was. */
function checkHealth(address: string): () => Promise<LoadResult["health"]> {
  const health = { checks: 0, failed: 0, slowestMs: 0 };
  let isOver = false;
  const check = async () => {
    const askedAt = performance.now();
    const isGood = await fetch(`${address}/healthz`).then(
      ({ status }) => status === 200,
      () => false,
    );
    health.checks += 1;
    if (!isGood) health.failed += 1;
    health.slowestMs = rounded(Math.max(health.slowestMs, performance.now() - askedAt));
  };
  const checking = (async () => {
    while (!isOver) {
      await check();
      await new Promise((resolve) => setTimeout(resolve, HEALTH_INTERVAL_MS));
    }
  })();
  return async () => {
    isOver = true;
    await checking;
    return health;
  };
}

/** Makes everyone staff beforehand, as they are in a shop on a busy day. */
async function letIn(running: RunningSubject, chats: readonly StandInChat[]): Promise<void> {
  const open = await openBeside(running);
  for (const { id } of chats) {
    await saveStaffMember(open.database.db, { telegramUserId: id, name: "Lan", username: null, role: "owner" });
  }
  await open.close();
}

/** The process's own database, beside it. */
function openBeside({ dataDir }: RunningSubject): Promise<OpenDatabase> {
  const logger = createLogger({ level: "error", pretty: false });
  return openDatabase(loadConfig({ DATA_DIR: dataDir }, join(dataDir, "no.env")), logger);
}

async function countStored(running: RunningSubject, asked: readonly Question[]) {
  const open = await openBeside(running);
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
