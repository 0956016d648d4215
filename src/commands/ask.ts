/**
 * `npm run ask -- "what's running out?"`: one question from the terminal, answered on the shop's own figures.
 *
 * The answer streams to standard output, the tool calls to standard error, so the answer can be piped. It is a run like any
 * other: admins see it.
 */
import { Writable } from "node:stream";
import { startScriptedModel } from "../../sandbox/sandbox.ts";
import { seedDemoShop } from "../../sandbox/shop/demo-shop.ts";
import { startTraces } from "../app/traces.ts";
import { createModel, type Model } from "../assistant/model/model.ts";
import { startWorker } from "../assistant/worker/worker.ts";
import { takeWorkerLease } from "../assistant/worker/worker-lease.ts";
import { pickLanguage } from "../bot/texts.ts";
import { type Config, loadConfig } from "../config.ts";
import type { Db } from "../db/client.ts";
import { errorCode } from "../db/error-code.ts";
import { type OpenDatabase, openDatabase, openDatabaseOrDemo } from "../db/open.ts";
import { receiveMessage } from "../db/queries/chat/conversations.ts";
import { failAbandonedTerminalRuns } from "../db/queries/runs/run-end.ts";
import { type ClaimedRun, claimRunById } from "../db/queries/runs/run-queue.ts";
import { BadInputError } from "../errors.ts";
import type { RunOutcome } from "../events.ts";
import { createLogger, type Logger } from "../observability/logger.ts";
import type { Tracer } from "../observability/tracer.ts";
import { allowSlowConnections } from "../process/connecting.ts";
import { createToolRegistry } from "../tools/registry.ts";
import { describeFailure } from "./describe-failure.ts";
import { createTerminalPresenter, remark } from "./terminal-presenter.ts";
import { withDatabase } from "./with-database.ts";

const UNIQUE_VIOLATION = "23505";

// The reader of the pipe has enough, as `| head` does: the run continues to its end.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  const question = process.argv.slice(2).join(" ").trim();
  if (question === "")
    throw new BadInputError('What would you like to know? For example: npm run ask -- "what is running out?"');
  allowSlowConnections();
  const config = loadConfig();
  const outcome = await ask(question, config, createTerminalLog(config));
  process.exitCode = outcome?.status === "completed" ? 0 : 1;
} catch (error) {
  remark(describeFailure(error, "The question failed"));
  process.exitCode = 1;
}

async function ask(question: string, config: Config, log: TerminalLog): Promise<RunOutcome | undefined> {
  const open = config.telegram.token ? openDatabase : openDatabaseOrDemo;
  return withDatabase(
    (stopping) => {
      stopping.addEventListener("abort", log.mute);
      return open(config, log.logger, { signal: stopping });
    },
    (opened, stopping) => askTraced(opened, question, { config, log, stopping }),
  );
}

/** What an answer needs besides the question and the database. */
interface Asking {
  readonly config: Config;
  readonly log: TerminalLog;
  /** Interrupts the answer. */
  readonly stopping: AbortSignal;
  readonly tracer?: Tracer;
}

async function askTraced(open: OpenDatabase, question: string, asking: Asking): Promise<RunOutcome | undefined> {
  const { stop, ...tracing } = await startTraces(asking.config, asking.log.logger);
  try {
    return await askIn(open, question, { ...asking, ...tracing });
  } finally {
    await stop();
  }
}

async function askIn(open: OpenDatabase, question: string, asking: Asking): Promise<RunOutcome | undefined> {
  const { config } = asking;
  if (open.isDemo) {
    await seedDemoShop(open.database, { shop: config.shop, now: new Date() });
    remark("On the demo shop: its figures are made up. 'npm run import' brings in yours.");
  }
  if (config.model) return answer(question, asking, { open, model: createModel(config.model) });
  const standIn = await startScriptedModel();
  remark("No model is configured: a script answers.");
  try {
    return await answer(question, asking, { open, model: standIn.value });
  } finally {
    await standIn.stop();
  }
}

async function answer(
  question: string,
  { config, log, stopping, ...tracing }: Asking,
  { open: { database }, model }: { open: OpenDatabase; model: Model },
): Promise<RunOutcome | undefined> {
  const { db } = database;
  const presenter = createTerminalPresenter(stopping, log.mute);
  const tools = createToolRegistry(config.revenueRoles);
  const { contextTokens, shop } = config;
  const loop = { db, model, contextTokens, tools, shop, now: () => new Date(), logger: log.logger };
  const lease = await takeWorkerLease(database, { botId: null, logger: log.workerLogger });
  try {
    const worker = await startWorker({ database, lease, loop, presenter, ...tracing, logger: log.workerLogger });
    try {
      await failAbandonedTerminalRuns(db);
      await worker.work(await queueAndClaim(db, question, lease.id()));
      // Interrupted, in most cases because the database is gone: this fails as well then, and says so.
      if (!presenter.outcome()) await failAbandonedTerminalRuns(db);
      return presenter.outcome();
    } finally {
      await worker.stop(0);
    }
  } finally {
    await lease.release();
  }
}

async function queueAndClaim(db: Db, question: string, workerId: number): Promise<ClaimedRun> {
  const received = await receiveMessage(db, {
    chat: { type: "terminal" },
    topicId: null,
    updateId: null,
    author: { id: null, role: "owner" },
    language: pickLanguage(Intl.DateTimeFormat().resolvedOptions().locale),
    text: question,
    forwarded: false,
    telegramMessageId: null,
  });
  if (received.outcome !== "queued") throw new Error("a message from the terminal is always new");
  try {
    const run = await claimRunById(db, { runId: received.runId, workerId });
    if (run) return run;
  } catch (error) {
    if (errorCode(error) !== UNIQUE_VIOLATION) throw error;
  }
  throw new BadInputError("Another question from the terminal is being answered right now. Ask again when it is done.");
}

interface TerminalLog {
  readonly logger: Logger;
  /** Shows less, unless LOG_LEVEL says otherwise: a worker warns mostly of the database, and the command reports that itself. */
  readonly workerLogger: Logger;
  /** Writes nothing more: failures after an interruption are of no interest. */
  mute(): void;
}

/** On standard error: standard output is the answer. */
function createTerminalLog({ logLevel }: Config): TerminalLog {
  let isMuted = false;
  const destination = new Writable({
    write(chunk, _encoding, done) {
      if (!isMuted) process.stderr.write(chunk);
      done();
    },
  });
  const isUnset = logLevel === "info";
  const logger = createLogger({ level: isUnset ? "warn" : logLevel, pretty: process.stderr.isTTY, destination });
  return {
    logger,
    workerLogger: logger.child({}, { level: isUnset ? "error" : logLevel }),
    mute() {
      isMuted = true;
    },
  };
}
