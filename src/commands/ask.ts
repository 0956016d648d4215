/**
 * `npm run ask -- "what's running out?"`: one question from the terminal, answered on the shop's own figures.
 *
 * The answer streams to standard output, the tool calls to standard error, so the answer can be piped on. It is a run like
 * any other: admins see it.
 */
import { Writable } from "node:stream";
import { startScriptedModel } from "../../sandbox/sandbox.ts";
import { seedDemoShop } from "../../sandbox/shop/demo-shop.ts";
import { createModel, type Model } from "../assistant/model/model.ts";
import type { RunPresenter } from "../assistant/worker/work-on-run.ts";
import { startWorker } from "../assistant/worker/worker.ts";
import { pickLanguage } from "../bot/texts.ts";
import { type Config, loadConfig } from "../config.ts";
import { errorCode } from "../db/error-code.ts";
import { type OpenDatabase, openDatabase, openDatabaseOrDemo } from "../db/open.ts";
import { receiveMessage } from "../db/queries/chat/conversations.ts";
import { claimRunById } from "../db/queries/runs/run-queue.ts";
import { failLeftTerminalRuns } from "../db/queries/runs/run-steps.ts";
import { BadInputError } from "../errors.ts";
import type { RunEvent, RunOutcome } from "../events.ts";
import { createLogger, type Logger } from "../observability/logger.ts";
import { createToolRegistry } from "../tools/registry.ts";
import { describeFailure } from "./describe-failure.ts";
import { plainText } from "./plain-text.ts";
import { withDatabase } from "./with-database.ts";

const UNIQUE_VIOLATION = "23505";

// Whoever reads the answer has heard enough, as `| head` does: the run goes on to its end.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  const question = process.argv.slice(2).join(" ").trim();
  if (question === "")
    throw new BadInputError('What would you like to know? For example: npm run ask -- "what is running out?"');
  const config = loadConfig();
  const outcome = await ask(question, config, createTerminalLog(config));
  process.exitCode = outcome?.status === "completed" ? 0 : 1;
} catch (error) {
  note(describeFailure(error, "The question failed"));
  process.exitCode = 1;
}

async function ask(question: string, config: Config, log: TerminalLog): Promise<RunOutcome | undefined> {
  const open = config.telegram.token ? openDatabase : openDatabaseOrDemo;
  return withDatabase(
    (stopping) => {
      stopping.addEventListener("abort", log.mute);
      return open(config, log.logger, { signal: stopping });
    },
    (opened, stopping) => askAt(opened, question, { config, log, stopping }),
  );
}

/** What an answer takes beside the question and the database. */
interface Asking {
  readonly config: Config;
  readonly log: TerminalLog;
  /** Breaks the answer off. */
  readonly stopping: AbortSignal;
}

async function askAt(open: OpenDatabase, question: string, asking: Asking): Promise<RunOutcome | undefined> {
  const { config } = asking;
  if (open.isDemo) {
    await seedDemoShop(open.database, { shop: config.shop, now: new Date() });
    note("On the demo shop: its figures are made up. 'npm run import' brings in yours.");
  }
  if (config.model) return answer(question, asking, { open, model: createModel(config.model) });
  const standIn = await startScriptedModel();
  note("No model is configured: a script answers.");
  try {
    return await answer(question, asking, { open, model: standIn.value });
  } finally {
    await standIn.stop();
  }
}

async function answer(
  question: string,
  { config, log, stopping }: Asking,
  { open, model }: { open: OpenDatabase; model: Model },
): Promise<RunOutcome | undefined> {
  const { database } = open;
  const { logger } = log;
  const presenter = createTerminalPresenter(log, stopping);
  const loop = {
    db: database.db,
    model,
    tools: createToolRegistry(config.revenueRoles),
    shop: config.shop,
    now: () => new Date(),
    logger,
  };
  const worker = await startWorker({ database, loop, presenter, logger: log.workerLogger }, null);
  try {
    await failLeftTerminalRuns(database.db);
    const received = await receiveMessage(database.db, {
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
    await worker.work(await claim(open, received.runId, worker.id()));
    // Broken off, in most cases for want of the database: this fails as well then, and says so.
    if (!presenter.outcome()) await failLeftTerminalRuns(database.db);
    return presenter.outcome();
  } finally {
    await worker.stop(0);
    await worker.leave();
  }
}

async function claim(open: OpenDatabase, runId: string, workerId: number) {
  try {
    const run = await claimRunById(open.database.db, { runId, workerId });
    if (run) return run;
  } catch (error) {
    if (errorCode(error) !== UNIQUE_VIOLATION) throw error;
  }
  throw new BadInputError("Another question from the terminal is being answered right now. Ask again when it is done.");
}

interface TerminalLog {
  readonly logger: Logger;
  /** Quieter, unless LOG_LEVEL says otherwise: what the worker warns of is the database, of which the command says it itself. */
  readonly workerLogger: Logger;
  /** Nothing more is written: what fails once the answer is broken off is of no interest. */
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

/** Shows a run in the terminal, until it is broken off. */
function createTerminalPresenter(
  log: TerminalLog,
  stopping: AbortSignal,
): RunPresenter & { outcome(): RunOutcome | undefined } {
  let isOver = false;
  let outcome: RunOutcome | undefined;
  let atLineStart = true;
  const startedAt = new Map<string, number>();
  const write = (text: string) => {
    process.stdout.write(text);
    atLineStart = text.endsWith("\n");
  };
  const remark = (text: string) => {
    if (!atLineStart) write("\n");
    note(text);
  };
  const breakOff = () => {
    if (isOver) return;
    isOver = true;
    log.mute();
    remark("The answer was broken off.");
  };
  const show = (event: RunEvent) => {
    if (event.type === "text-delta") write(plainText(event.delta));
    else if (event.type === "tool-start") {
      startedAt.set(event.toolCallId, performance.now());
      remark(`-> ${event.name} ${JSON.stringify(event.arguments)}`);
    } else if (event.type === "tool-end") {
      const tookMs = Math.round(performance.now() - (startedAt.get(event.toolCallId) ?? 0));
      remark(`<- ${event.name} ${event.succeeded ? "done" : "failed"} in ${tookMs} ms`);
    } else if (event.type === "run-end") {
      isOver = true;
      outcome = event.outcome;
      if (!atLineStart) write("\n");
      if (outcome.status !== "completed") remark(outcome.errorMessage ?? `The run was ${outcome.status}.`);
    }
  };
  return {
    outcome: () => outcome,
    finalText: (_run, _outcome, text) => text,
    open() {
      stopping.addEventListener("abort", breakOff);
      return {
        emit(event) {
          if (!isOver) show(event);
        },
        abandon: async () => breakOff(),
      };
    },
  };
}

function note(text: string): void {
  process.stderr.write(`${plainText(text)}\n`);
}
