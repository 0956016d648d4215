/**
 * Runs for tests: a database of its own, the strict stand-in of the model, real workers; no Telegram.
 *
 * The events of the runs are recorded. The bot's sentences are the real ones.
 */
import { asc, eq, sql } from "drizzle-orm";
import { pino } from "pino";
import { z } from "zod";
import { createModelStandIn, type ModelStandIn, type ModelStandInOptions } from "../../sandbox/model/model-stand-in.ts";
import type { InputItem, ModelRequest, Responder } from "../../sandbox/model/turn.ts";
import { createModel, type Model } from "../../src/assistant/model/model.ts";
import type { ModelRetryOptions } from "../../src/assistant/model/retry.ts";
import type { RunLoop } from "../../src/assistant/run.ts";
import type { RunPresenter } from "../../src/assistant/worker/work-on-run.ts";
import { startWorker, type Worker } from "../../src/assistant/worker/worker.ts";
import { takeWorkerLease, type WorkerIdentity } from "../../src/assistant/worker/worker-lease.ts";
import { finalReply } from "../../src/bot/texts.ts";
import { connectDatabase, type Database } from "../../src/db/client.ts";
import { publish } from "../../src/db/notify/notify.ts";
import { type QueuedQuestion, receiveMessage } from "../../src/db/queries/chat/conversations.ts";
import { saveStaffMember } from "../../src/db/queries/chat/staff.ts";
import { type ClaimedRun, claimRun } from "../../src/db/queries/runs/run-queue.ts";
import { messages, runItems, runs, runText, toolCalls } from "../../src/db/schema/index.ts";
import { takeWorkerLock, type WorkerLock } from "../../src/db/worker-lock.ts";
import type { RunEvent } from "../../src/events.ts";
import type { Tracer } from "../../src/observability/tracer.ts";
import type { StaffRole } from "../../src/shop/roles.ts";
import { createToolRegistry } from "../../src/tools/registry.ts";
import { defineTool, type Tool, type ToolOutput } from "../../src/tools/tool.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

const BOT_ID = 42;
const AT_ONCE: ModelRetryOptions = { sleep: async () => undefined };

export interface RunTestOptions {
  /** Besides the tools of the product. */
  tools?: readonly Tool[];
  maxRounds?: number;
  /** As `OPENAI_CONTEXT_TOKENS`. */
  contextTokens?: number;
  /** Of the stand-in, such as the API that it speaks. */
  standIn?: Partial<ModelStandInOptions>;
  toolTimeoutMs?: number;
  /** Instead of the model with the stand-in as its server. */
  model?: Model;
  /** By default retries do not wait. */
  modelRetries?: ModelRetryOptions;
  /** Called when a view is abandoned; settles at once when left out. */
  onAbandon?(): Promise<void>;
  /** Instead of the product's text. */
  finalText?: RunPresenter["finalText"];
  /** Traces the runs of all workers. */
  tracer?: Tracer | undefined;
  /** Called with the message of each warning and error of the log. */
  onLog?(phrase: string): void;
}

export interface AskOptions {
  language?: string;
  role?: StaffRole;
  /** The Telegram id of the person, in whose private chat the question is asked. */
  from?: number;
}

/** Everything that is stored of a run. */
export type StoredRun = Awaited<ReturnType<typeof readRun>>;

/** A worker with a pool and a lock of its own, as in a separate process. */
export interface TestWorker extends Worker, WorkerIdentity {
  /** Terminates the connection of its lock, as when its machine loses the network. */
  cutOff(): Promise<void>;
}

export interface RunTest {
  readonly test: TestDatabase;
  readonly model: ModelStandIn;
  readonly loop: RunLoop;
  /** The events of all runs, in order. */
  readonly events: readonly RunEvent[];
  /** How often a view was abandoned. */
  abandoned(): number;
  /** Settles when a view is abandoned for the first time. */
  readonly whenAbandoned: Promise<void>;
  /** Stores a person's message and its queued run. */
  ask(text: string, options?: AskOptions): Promise<QueuedQuestion>;
  /** Takes a worker's lock without a worker: for a process that a test simulates. */
  takeLock(): Promise<WorkerLock>;
  claim(lock: Pick<WorkerLock, "workerId">): Promise<ClaimedRun>;
  /** Starts a worker. It claims queued runs, unless `claims` is false. `tracer` replaces that of the test. */
  startWorker(how?: { claims?: boolean; tracer?: Tracer | undefined }): Promise<TestWorker>;
  /** Asks a question, and works on the run until it ends. */
  answer(text: string, options?: AskOptions): Promise<StoredRun & { finalText: string }>;
  /** Waits for the end of the run. @returns the Markdown of the whole reply. */
  ended(runId: string): Promise<string>;
  read(runId: string): Promise<StoredRun>;
  /** Somebody presses stop. */
  stop(runId: string): Promise<void>;
  close(): Promise<void>;
}

/** Sets up a test of runs. `answer` plays the model. */
export async function openRunTest(answer: Responder, options: RunTestOptions = {}): Promise<RunTest> {
  const test = await createTestDatabase();
  const { api = "responses" } = options.standIn ?? {};
  const model = await createModelStandIn({ answer, ...options.standIn });
  const events: RunEvent[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const closings: (() => Promise<void>)[] = [];
  let updateId = 0;
  let abandoned = 0;
  const firstAbandoned = Promise.withResolvers<void>();
  const loop: RunLoop = {
    db: test.db,
    model: options.model ?? createModel({ apiKey: null, baseUrl: model.url, name: "test-model", api }),
    modelRetries: options.modelRetries ?? AT_ONCE,
    tools: new Map([...createToolRegistry(["manager", "owner"]), ...(options.tools ?? []).map(byName)]),
    shop: { name: "Xi Pho Coffee", timeZone: "Asia/Ho_Chi_Minh", currency: "VND", locale: "vi-VN" },
    now: () => new Date(),
    logger: pino({ level: "warn" }, { write: (line) => options.onLog?.(JSON.parse(line).msg) }),
    ...(options.contextTokens === undefined ? {} : { contextTokens: options.contextTokens }),
    ...(options.maxRounds === undefined ? {} : { maxRounds: options.maxRounds }),
    ...(options.toolTimeoutMs === undefined ? {} : { toolTimeoutMs: options.toolTimeoutMs }),
  };
  const endOf = (runId: string) => {
    const end = ends.get(runId) ?? Promise.withResolvers<string>();
    ends.set(runId, end);
    return end;
  };
  const presenter: RunPresenter = {
    open: (run) => ({
      emit(event) {
        events.push(event);
        if (event.type === "run-end") endOf(run.id).resolve(event.finalText);
      },
      abandon: async () => {
        abandoned += 1;
        firstAbandoned.resolve();
        await options.onAbandon?.();
      },
    }),
    finalText: options.finalText ?? ((run, outcome, text) => finalReply(run.language, outcome, text)),
  };
  const ask: RunTest["ask"] = async (text, { language = "en", role = "owner", from = 7_001 } = {}) => {
    updateId += 1;
    const id = updateId;
    const author = await saveStaffMember(test.db, { telegramUserId: from, name: "Linh", username: null, role });
    const received = await receiveMessage(test.db, {
      chat: { type: "private", botId: BOT_ID, telegramId: from, title: null },
      topicId: null,
      updateId: id,
      author,
      language,
      text,
      forwarded: false,
      telegramMessageId: id,
    });
    if (received.outcome !== "queued") throw new Error(`the message was not queued: ${received.outcome}`);
    await publish(test.db, { type: "run-queued", runId: received.runId });
    return received;
  };
  const start = async (botId: number | null, tracer = options.tracer): Promise<TestWorker> => {
    const database = connectDatabase(test.target, { poolSize: 3 });
    const { logger } = loop;
    const lease = await takeWorkerLease(database, { botId, logger });
    const traced = tracer ? { tracer } : {};
    const ownLoop = { ...loop, db: database.db };
    const worker = await startWorker({ database, lease, loop: ownLoop, presenter, ...traced, logger });
    closings.push(async () => {
      await worker.stop(0);
      await lease.release();
      await database.close();
    });
    return { ...worker, ...lease, cutOff: () => cutLock(test.database, lease.id()) };
  };
  const runTest: RunTest = {
    test,
    model,
    loop,
    events,
    abandoned: () => abandoned,
    whenAbandoned: firstAbandoned.promise,
    ask,
    async takeLock() {
      const lock = await takeWorkerLock(test.database, { botId: BOT_ID, onLost: () => undefined });
      closings.push(() => lock.release());
      return lock;
    },
    async claim({ workerId }) {
      const run = await claimRun(test.db, { workerId, botId: BOT_ID });
      if (!run) throw new Error("no run can be claimed");
      return run;
    },
    startWorker: ({ claims = true, tracer } = {}) => start(claims ? BOT_ID : null, tracer),
    async answer(text, askOptions) {
      const { runId } = await ask(text, askOptions);
      const worker = await start(null);
      await worker.work(await runTest.claim({ workerId: worker.id() }));
      return { ...(await readRun(test, runId)), finalText: await endOf(runId).promise };
    },
    ended: (runId) => endOf(runId).promise,
    read: (runId) => readRun(test, runId),
    stop: (runId) =>
      test.db.transaction(async (tx) => {
        await tx.update(runs).set({ stopRequestedAt: sql`now()` }).where(eq(runs.id, runId));
        await publish(tx, { type: "run-stop", runId });
      }),
    async close() {
      for (const close of closings.reverse()) await close();
      await model.close();
      await test.close();
    },
  };
  return runTest;
}

/** A tool that calls `execute` and needs no rows. */
export function tool(name: string, execute: (args: { n: number | null }) => ToolOutput | Promise<ToolOutput>): Tool {
  return defineTool({
    name,
    description: `Does ${name}.`,
    label: { en: name, vi: name },
    input: z.strictObject({ n: z.number().nullable() }),
    allowedRoles: ["staff", "manager", "owner"],
    execute: async (args) => execute(args),
  });
}

/** The items of a request's input. */
export function inputOf(request: ModelRequest | undefined): readonly InputItem[] {
  const input = request?.body.input;
  if (!Array.isArray(input)) throw new Error("the request has no list of items");
  return input;
}

/** The tool outputs of a request, by call id. */
export function outputsOf(request: ModelRequest | undefined): Record<string, unknown> {
  const outputs = inputOf(request).filter((item) => item.type === "function_call_output");
  return Object.fromEntries(outputs.map((item) => [item.call_id, JSON.parse(String(item.output))]));
}

function byName(each: Tool): [string, Tool] {
  return [each.name, each];
}

async function readRun({ db }: TestDatabase, runId: string) {
  const [run] = await db.select().from(runs).where(eq(runs.id, runId));
  if (!run) throw new Error(`there is no run ${runId}`);

  return {
    run,
    items: await db.select().from(runItems).where(eq(runItems.runId, runId)).orderBy(runItems.round, runItems.position),
    calls: await db
      .select()
      .from(toolCalls)
      .where(eq(toolCalls.runId, runId))
      .orderBy(asc(toolCalls.round), asc(toolCalls.position)),
    messages: await db.select().from(messages).where(eq(messages.runId, runId)).orderBy(asc(messages.position)),
    texts: await db.select().from(runText).where(eq(runText.runId, runId)).orderBy(asc(runText.offset)),
  };
}

/** Ends the session that holds a worker's advisory lock; settles when the server has freed it. */
async function cutLock({ db }: Database, workerId: number): Promise<void> {
  await db.execute(sql`select pg_terminate_backend(pid, 5000) from pg_locks
    where locktype = 'advisory' and objsubid = 2 and objid = ${workerId}::oid
    and database = (select oid from pg_database where datname = current_database())`);
}
