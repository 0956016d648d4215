/** The bot and the worker of the app, each with what it needs of the other rooms. */
import { withCircuit } from "../assistant/model/circuit.ts";
import { createMeteredModel } from "../assistant/model/metered-model.ts";
import type { RunLoop } from "../assistant/run.ts";
import { startWorker, type Worker } from "../assistant/worker/worker.ts";
import type { WorkerLease } from "../assistant/worker/worker-lease.ts";
import { createTelegramBot, type TelegramBot, type TelegramBotDeps } from "../bot/bot.ts";
import { isDatabaseUp } from "../db/queries/process/health.ts";
import { recordRealBot } from "../db/queries/process/real-data.ts";
import type { Shared } from "./parts.ts";

/** The bot, not started yet. Its database counts as one of real people from now on, unless it is the sandbox's. */
export async function openBot(
  { parts, pools: { intake }, tools, metrics, sandbox }: Shared,
  { me, lease, webhook }: Pick<TelegramBotDeps, "me" | "webhook"> & { lease: WorkerLease },
): Promise<TelegramBot> {
  const { db } = parts.open.database;
  if (!sandbox) await recordRealBot(db, me.id);
  return createTelegramBot({
    telegram: parts.telegram,
    me,
    database: intake,
    db,
    webhook,
    shop: parts.config.shop,
    ownerTelegramIds: parts.ownerTelegramIds,
    toolLabel: (name, language) => tools.get(name)?.label[language === "vi" ? "vi" : "en"] ?? name,
    worker: lease,
    isDatabaseUp: () => isDatabaseUp(intake.db),
    onRefused: parts.onFatal,
    meter: metrics.meter,
    ...(parts.clock ? { clock: parts.clock } : {}),
    logger: parts.logger,
  });
}

/** Starts the worker, whose runs the bot shows. */
export function openWorker(shared: Shared, { lease, bot }: { lease: WorkerLease; bot: TelegramBot }): Promise<Worker> {
  const { parts, metrics } = shared;
  return startWorker({
    database: parts.open.database,
    lease,
    loop: createRunLoop(shared),
    presenter: bot.presenter,
    onLost: bot.loseAll,
    onLiveWorkers: bot.share,
    isOverloaded: bot.isOverloaded,
    meter: metrics.meter,
    ...(parts.tracer ? { tracer: parts.tracer } : {}),
    logger: parts.logger,
  });
}

function createRunLoop({ parts, tools, metrics: { meter }, now }: Shared): RunLoop {
  const { config, logger, modelRetries, open } = parts;
  const model = withCircuit(createMeteredModel(parts.model, meter), { logger, onCircuit: meter.circuitChanged });
  return {
    db: open.database.db,
    model,
    contextTokens: config.contextTokens,
    modelRetries: { ...modelRetries, onRetry: ({ fault }) => meter.modelRetried(fault) },
    tools,
    shop: config.shop,
    meter,
    now,
    logger,
  };
}
