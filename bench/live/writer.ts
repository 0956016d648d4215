/**
 * What a shop writes: questions, runs, tool calls and answers that grow, through the product's own query functions and with
 * the notices that they send.
 *
 * Told over IPC what to do (see `messages.ts`); it says when it was written. The model and Telegram are left out: an answer
 * takes two seconds and grows five times a second, all that grow at once in one statement, as in the product.
 */
import { setTimeout as pause } from "node:timers/promises";
import { connectDatabase, type Database, type Db } from "../../src/db/client.ts";
import { createCoalescer } from "../../src/db/notify/coalesce.ts";
import { receiveMessage } from "../../src/db/queries/chat/conversations.ts";
import { type ClaimedRun, claimRunById } from "../../src/db/queries/runs/run-queue.ts";
import { endRun, endToolCall, resumeRun, startToolCall, storeRound } from "../../src/db/queries/runs/run-steps.ts";
import { appendRunTexts, type TextPiece } from "../../src/db/queries/runs/run-text.ts";
import { chats, threads } from "../../src/db/schema/index.ts";
import { takeWorkerLock } from "../../src/db/worker-lock.ts";
import { machineMs } from "./clock.ts";
import { markOf, type Written } from "./marks.ts";
import type { ToWriter } from "./messages.ts";

const BOT_ID = 1;
const PIECES = 10;
const PIECE_INTERVAL_MS = 200;
const TOOL_CALL_MS = 100;
/** A worker is alive for 10 s after each. */
const BEAT_INTERVAL_MS = 3_000;
const BEAT_LIMIT_MS = 5_000;

interface Place {
  readonly telegramId: number;
  readonly title: string;
  isBusy: boolean;
}

interface Worker {
  readonly db: Db;
  readonly workerId: number;
}

interface Growing {
  readonly claim: ClaimedRun;
  readonly left: string[];
  readonly wholeText: () => void;
  length: number;
}

let prepared: Worker | undefined;
let places: Place[] = [];

process.on("message", async (message: ToWriter) => {
  if (message.ask === "prepare") {
    const database = connectDatabase(message.database, { poolSize: 20 });
    prepared = { db: database.db, workerId: await startWorker(database) };
    process.send?.({ threadIds: await openThreads(database.db, message.threads) });
  } else if (prepared) {
    process.send?.(await writeAnswers(prepared, message));
  }
});
process.once("disconnect", () => process.exit(0));

async function startWorker(database: Database): Promise<number> {
  const lost = () => fail(new Error("the worker has lost its number"));
  const lock = await takeWorkerLock(database, { botId: BOT_ID, onLost: lost });
  setInterval(() => void lock.beat([], BEAT_LIMIT_MS).catch(fail), BEAT_INTERVAL_MS);
  return lock.workerId;
}

/** One in a chat of its own each. */
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
  worker: Worker,
  { answersPerSecond, seconds }: ToWriter & { ask: "write" },
): Promise<Written> {
  const scribe = createScribe(worker);
  const answers: Promise<void>[] = [];
  const startedAtMs = machineMs();
  for (let index = 0; index < answersPerSecond * seconds; index++) {
    await pause(Math.max(startedAtMs + (index / answersPerSecond) * 1_000 - machineMs(), 0));
    answers.push(scribe.answerSomebody());
  }
  await Promise.all(answers);
  scribe.stop();
  return scribe.written;
}

function createScribe({ db, workerId }: Worker) {
  const written: Written = { sentAtMs: [], committedAtMs: [], isPiece: [] };
  const growing = new Set<Growing>();
  const bell = createCoalescer(db, fail);
  let marks = 0;
  const newMark = (isPiece = false) => {
    written.isPiece.push(isPiece);
    return marks++;
  };

  const store = async <Value>(marks: readonly number[], write: () => Promise<Value>): Promise<Value> => {
    const sentAtMs = machineMs();
    const value = await write();
    const committedAtMs = machineMs();
    for (const mark of marks) {
      written.sentAtMs[mark] = sentAtMs;
      written.committedAtMs[mark] = committedAtMs;
    }
    return value;
  };
  const ask = async ({ telegramId, title }: Place) => {
    const mark = newMark();
    const received = await store([mark], async () => {
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
      if (stored.outcome === "queued") bell.notify({ type: "run-queued", runId: stored.runId });
      return stored;
    });
    const runId = received.outcome === "queued" ? received.runId : "";
    const claim = await claimRunById(db, { runId, workerId });
    if (!claim) throw new Error(`the question was not taken in: ${received.outcome}`);
    return claim;
  };
  const callTool = async (claim: ClaimedRun) => {
    const [call] = await storeRound(db, claim, {
      ...roundFacts(),
      round: 1,
      items: [{ type: "function_call" }],
      calls,
    });
    if (!call) throw new Error("the call was not stored");
    await startToolCall(db, claim, call.id);
    await pause(TOOL_CALL_MS);
    await endToolCall(db, claim, call.id, { output: { products: 2 }, error: null });
    await resumeRun(db, claim);
  };
  const growText = (claim: ClaimedRun) =>
    new Promise<void>((wholeText) => {
      const left = Array.from({ length: PIECES }, () => "Two products are out of stock. ");
      growing.add({ claim, left, wholeText, length: 0 });
    });
  const appendPieces = async () => {
    const runs = [...growing].map((run) => ({ run, mark: newMark(true) }));
    if (runs.length === 0) return;
    const pieces = runs.map(({ run, mark }): TextPiece => {
      const text = `${run.left.pop()}${markOf(mark)}`;
      const offset = run.length;
      run.length += text.length;
      return { claim: run.claim, offset, text, firstTokenAgeMs: 0 };
    });
    const { refused, busy } = await store(
      runs.map(({ mark }) => mark),
      () => appendRunTexts(db, pieces),
    );
    if (refused.length + busy.length > 0) throw new Error("a piece of text was not stored");
    for (const { run } of runs) {
      if (run.left.length > 0) continue;
      growing.delete(run);
      run.wholeText();
    }
  };
  const end = async (claim: ClaimedRun) => {
    await pause(PIECE_INTERVAL_MS);
    await storeRound(db, claim, { ...roundFacts(), round: 2, items: [{ type: "message" }], calls: [] });
    const mark = newMark();
    const text = `${"Two products are out of stock. ".repeat(PIECES)}${markOf(mark)}`;
    const outcome = { status: "completed", errorCode: null, errorMessage: null } as const;
    await store([mark], () => endRun(db, claim, { outcome, text, finalText: text, firstTokenAgeMs: 0 }));
  };
  const timer = setInterval(() => void appendPieces().catch(fail), PIECE_INTERVAL_MS);
  return {
    written,
    async answerSomebody() {
      const place = takePlace();
      const claim = await ask(place);
      await callTool(claim);
      await growText(claim);
      await end(claim);
      place.isBusy = false;
    },
    stop: () => clearInterval(timer),
  };
}

/** At random among those where nothing goes on. */
function takePlace(): Place {
  const idle = places.filter(({ isBusy }) => !isBusy);
  const place = idle[Math.floor(Math.random() * idle.length)];
  if (!place) throw new Error("something goes on in every thread: there are too few");
  place.isBusy = true;
  return place;
}

const calls = [{ callId: "call_1", name: "CheckOutOfStock", arguments: { limit: 20 } }];

function roundFacts() {
  const now = new Date();
  const usage = { inputTokens: 2_000, cachedInputTokens: 1_500, outputTokens: 100, reasoningTokens: 50 };
  const settings = { maxOutputTokens: 2_000 };
  return {
    model: "gpt-5",
    promptVersion: "bench",
    settings,
    usage,
    startedAt: now,
    firstTokenAt: now,
    completedAt: now,
  };
}

/** The benchmark's process hears that this one has ended. */
function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}
