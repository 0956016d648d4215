/**
 * Writes what a shop produces: questions, runs, tool calls and growing answers, through the product's own query functions and
 * with their notifications.
 *
 * Instructions come over IPC (see `messages.ts`); the reply has the times of the writes. There is no model and no Telegram. An
 * answer takes two seconds and grows five times a second. As in the product, one statement appends to all growing answers.
 */
import { setTimeout as pause } from "node:timers/promises";
import { connectDatabase, type Database, type Db } from "../../src/db/client.ts";
import { createCoalescer } from "../../src/db/notify/coalesce.ts";
import { receiveMessage } from "../../src/db/queries/chat/conversations.ts";
import { endRun } from "../../src/db/queries/runs/run-end.ts";
import { type ClaimedRun, claimRunById } from "../../src/db/queries/runs/run-queue.ts";
import { endToolCall, resumeRun, startToolCall, storeRound } from "../../src/db/queries/runs/run-steps.ts";
import { appendRunTexts, type TextPiece } from "../../src/db/queries/runs/run-text.ts";
import { chats, threads } from "../../src/db/schema/index.ts";
import { takeWorkerLock } from "../../src/db/worker-lock.ts";
import { machineMs } from "./clock.ts";
import { createMarkLog, type MarkLog, markOf, type Written } from "./marks.ts";
import type { ToWriter } from "./messages.ts";

const BOT_ID = 1;
const PIECES = 10;
const PIECE_INTERVAL_MS = 200;
const TOOL_CALL_MS = 100;
/** A worker counts as alive for 10 s after each heartbeat. */
const HEARTBEAT_INTERVAL_MS = 3_000;
const HEARTBEAT_LIMIT_MS = 5_000;
const SENTENCE = "Two products are out of stock. ";

interface Place {
  readonly telegramId: number;
  readonly title: string;
  isBusy: boolean;
}

interface Worker {
  readonly db: Db;
  readonly workerId: number;
}

/** A worker, and the log of what it writes. */
interface Writer extends Worker {
  readonly log: MarkLog;
  readonly notifyQueued: (runId: string) => void;
}

let worker: Worker | undefined;
let places: Place[] = [];

process.on("message", async (message: ToWriter) => {
  if (message.ask === "prepare") {
    const database = connectDatabase(message.database, { poolSize: 20 });
    worker = { db: database.db, workerId: await startWorker(database) };
    process.send?.({ threadIds: await openThreads(database.db, message.threads) });
  } else if (worker) {
    process.send?.(await writeAnswers(worker, message));
  }
});
process.once("disconnect", () => process.exit(0));

async function startWorker(database: Database): Promise<number> {
  const onLost = () => fail(new Error("the worker has lost its lock"));
  const lock = await takeWorkerLock(database, { botId: BOT_ID, onLost });
  setInterval(() => void lock.renew([], HEARTBEAT_LIMIT_MS).catch(fail), HEARTBEAT_INTERVAL_MS);
  return lock.workerId;
}

/** Opens threads, each in a chat of its own. */
async function openThreads(db: Db, count: number): Promise<string[]> {
  places = Array.from({ length: count }, (_, index) => ({
    telegramId: 1_000 + index,
    title: `Chat ${index}`,
    isBusy: false,
  }));
  const rows = places.map(({ telegramId, title }) => ({ botId: BOT_ID, type: "private" as const, telegramId, title }));
  const stored = await db.insert(chats).values(rows).returning({ chatId: chats.id });
  const opened = await db
    .insert(threads)
    .values(stored.map((chat) => ({ ...chat, title: "What is out of stock?" })))
    .returning({ id: threads.id });
  return opened.map(({ id }) => id);
}

async function writeAnswers(
  { db, workerId }: Worker,
  { answersPerSecond, seconds }: ToWriter & { ask: "write" },
): Promise<Written> {
  const coalescer = createCoalescer(db, fail);
  const writer: Writer = {
    db,
    workerId,
    log: createMarkLog(),
    notifyQueued: (runId) => coalescer.notify({ type: "run-queued", runId }),
  };
  const growing = createGrowingTexts(writer);
  const timer = setInterval(() => void growing.appendPieces().catch(fail), PIECE_INTERVAL_MS);
  const answers: Promise<void>[] = [];
  const startedAtMs = machineMs();
  for (let index = 0; index < answersPerSecond * seconds; index++) {
    await pause(Math.max(startedAtMs + (index / answersPerSecond) * 1_000 - machineMs(), 0));
    answers.push(answerQuestion(writer, growing));
  }
  await Promise.all(answers);
  clearInterval(timer);
  return writer.log.written;
}

/** One question in a random idle thread, from the message to the end of its run. */
async function answerQuestion(writer: Writer, growing: GrowingTexts): Promise<void> {
  const place = takeIdlePlace();
  const claim = await ask(writer, place);
  await callTool(writer, claim);
  await growing.grow(claim);
  await end(writer, claim);
  place.isBusy = false;
}

function takeIdlePlace(): Place {
  const idle = places.filter(({ isBusy }) => !isBusy);
  const place = idle[Math.floor(Math.random() * idle.length)];
  if (!place) throw new Error("all threads are busy: there are too few");
  place.isBusy = true;
  return place;
}

async function ask({ db, workerId, log, notifyQueued }: Writer, { telegramId, title }: Place): Promise<ClaimedRun> {
  const mark = log.newMark();
  const received = await log.record([mark], async () => {
    const stored = await receiveMessage(db, {
      chat: { type: "private", botId: BOT_ID, telegramId, title },
      topicId: null,
      updateId: null,
      author: { id: null, role: "owner" },
      language: "en",
      text: `What is out of stock? ${markOf(mark)}`,
      forwarded: false,
      telegramMessageId: null,
    });
    if (stored.outcome === "queued") notifyQueued(stored.runId);
    return stored;
  });
  const runId = received.outcome === "queued" ? received.runId : "";
  const claim = await claimRunById(db, { runId, workerId });
  if (!claim) throw new Error(`the question was not queued: ${received.outcome}`);
  return claim;
}

async function callTool({ db }: Writer, claim: ClaimedRun): Promise<void> {
  const calls = [{ callId: "call_1", name: "CheckOutOfStock", arguments: { limit: 20 } }];
  const [call] = await storeRound(db, claim, {
    ...roundFields(),
    round: 1,
    items: [{ type: "function_call" }],
    calls,
  });
  if (!call) throw new Error("the call was not stored");
  await startToolCall(db, claim, call.id);
  await pause(TOOL_CALL_MS);
  await endToolCall(db, claim, call.id, { output: { products: 2 }, error: null });
  await resumeRun(db, claim);
}

async function end({ db, log }: Writer, claim: ClaimedRun): Promise<void> {
  await pause(PIECE_INTERVAL_MS);
  await storeRound(db, claim, { ...roundFields(), round: 2, items: [{ type: "message" }], calls: [] });
  const mark = log.newMark();
  const text = `${SENTENCE.repeat(PIECES)}${markOf(mark)}`;
  const outcome = { status: "completed", errorCode: null, errorMessage: null } as const;
  await log.record([mark], () => endRun(db, claim, { outcome, text, finalText: text, firstTokenAgeMs: 0 }));
}

interface GrowingTexts {
  /** Resolves when the answer has all its pieces. */
  grow(claim: ClaimedRun): Promise<void>;
  /** Appends one piece to each growing answer. */
  appendPieces(): Promise<void>;
}

interface GrowingText {
  readonly claim: ClaimedRun;
  readonly onComplete: () => void;
  piecesLeft: number;
  length: number;
}

function createGrowingTexts({ db, log }: Writer): GrowingTexts {
  const growing = new Set<GrowingText>();
  let isAppending = false;
  const append = async () => {
    const runs = [...growing].map((run) => ({ run, mark: log.newMark(true) }));
    const pieces = runs.map(({ run, mark }) => nextPiece(run, mark));
    const { refused, busy } = await log.record(
      runs.map(({ mark }) => mark),
      () => appendRunTexts(db, pieces),
    );
    if (refused.length + busy.length > 0) throw new Error("a piece of text was not stored");
    for (const { run } of runs) {
      if (run.piecesLeft > 0) continue;
      growing.delete(run);
      run.onComplete();
    }
  };
  return {
    grow: (claim) =>
      new Promise((onComplete) => void growing.add({ claim, onComplete, piecesLeft: PIECES, length: 0 })),
    async appendPieces() {
      // On a slow machine a statement may take longer than the interval.
      if (isAppending || growing.size === 0) return;
      isAppending = true;
      await append();
      isAppending = false;
    },
  };
}

function nextPiece(run: GrowingText, mark: number): TextPiece {
  const text = `${SENTENCE}${markOf(mark)}`;
  const offset = run.length;
  run.length += text.length;
  run.piecesLeft -= 1;
  return { claim: run.claim, offset, text, firstTokenAgeMs: 0 };
}

function roundFields() {
  const now = new Date();
  const usage = { inputTokens: 2_000, cachedInputTokens: 1_500, outputTokens: 100, reasoningTokens: 50 };
  const settings = { maxOutputTokens: 2_000 };
  return {
    model: "gpt-5",
    promptVersion: "bench",
    inputCut: "none" as const,
    settings,
    usage,
    startedAt: now,
    firstTokenAt: now,
    completedAt: now,
  };
}

/** Exits; the benchmark's process detects that. */
function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}
