/**
 * `npm run ask -- "what's running out?"`: one question from the terminal, answered on the shop's own figures.
 *
 * The answer streams to standard output, the tool calls to standard error, so the answer can be piped on. It is a run like
 * any other: admins see it.
 */
import { createModel } from "./assistant/model.ts";
import type { RunStage } from "./assistant/work-on-run.ts";
import { startWorker } from "./assistant/worker.ts";
import { pickLanguage } from "./bot/texts.ts";
import { type Config, loadConfig } from "./config.ts";
import { errorCode } from "./db/error-code.ts";
import { type OpenDatabase, openDatabase, openDatabaseOrDemo } from "./db/open.ts";
import { receiveMessage } from "./db/queries/conversations.ts";
import { claimRunById } from "./db/queries/run-queue.ts";
import { failLeftTerminalRuns } from "./db/queries/run-steps.ts";
import { AppError, BadInputError } from "./errors.ts";
import type { RunOutcome } from "./events.ts";
import { createLogger, type Logger } from "./logger.ts";
import { startScriptedModel } from "./sandbox/sandbox.ts";
import { seedDemoShop } from "./sandbox/shop/demo-shop.ts";
import { createToolRegistry } from "./tools/registry.ts";
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
  const logger = createLogger({
    level: config.logLevel === "info" ? "warn" : config.logLevel,
    pretty: process.stderr.isTTY,
  });
  const outcome = await ask(question, config, logger);
  process.exitCode = outcome?.status === "completed" ? 0 : 1;
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function ask(question: string, config: Config, logger: Logger): Promise<RunOutcome | undefined> {
  const open = config.telegram.token ? openDatabase : openDatabaseOrDemo;
  return withDatabase(
    (stopping) => open(config, logger, { signal: stopping }),
    (opened) => askAt(opened, question, { config, logger }),
  );
}

async function askAt(open: OpenDatabase, question: string, { config, logger }: { config: Config; logger: Logger }) {
  if (open.isDemo) {
    await seedDemoShop(open.database, { shop: config.shop, now: new Date() });
    note("On the demo shop: its figures are made up. 'npm run import' brings in yours.");
  }
  return answer(question, config, { open, logger });
}

async function answer(
  question: string,
  config: Config,
  { open, logger }: { open: OpenDatabase; logger: Logger },
): Promise<RunOutcome | undefined> {
  const { database } = open;
  const standIn = config.model ? null : await startScriptedModel();
  const model = config.model ? createModel(config.model) : standIn?.value;
  if (!model) throw new Error("there is a configured model or a stand-in");
  if (standIn) note("No model is configured: a script answers.");

  const stage = createTerminalStage();
  const loop = {
    db: database.db,
    model,
    tools: createToolRegistry(config.revenueRoles),
    shop: config.shop,
    now: () => new Date(),
    logger,
  };
  const worker = await startWorker({ database, loop, stage, logger }, null);
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
    return stage.outcome();
  } finally {
    await worker.stop(0);
    await worker.leave();
    await standIn?.stop();
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

/** Shows a run in the terminal. */
function createTerminalStage(): RunStage & { outcome(): RunOutcome | undefined } {
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
  return {
    outcome: () => outcome,
    finalText: (_run, _outcome, text) => text,
    open: () => ({
      emit(event) {
        if (event.type === "text-delta") write(event.delta);
        else if (event.type === "tool-start") {
          startedAt.set(event.toolCallId, performance.now());
          remark(`-> ${event.name} ${JSON.stringify(event.arguments)}`);
        } else if (event.type === "tool-end") {
          const tookMs = Math.round(performance.now() - (startedAt.get(event.toolCallId) ?? 0));
          remark(`<- ${event.name} ${event.succeeded ? "done" : "failed"} in ${tookMs} ms`);
        } else if (event.type === "run-end") {
          outcome = event.outcome;
          if (!atLineStart) write("\n");
          if (outcome.status !== "completed") remark(outcome.errorMessage ?? `The run was ${outcome.status}.`);
        }
      },
      abandon: async () => remark("The answer was broken off."),
    }),
  };
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
