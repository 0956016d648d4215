/** What the app is made of: what it is given, and what its parts share. */
import type { Model } from "../assistant/model/model.ts";
import type { ModelRetryOptions } from "../assistant/model/retry.ts";
import type { Clock } from "../bot/budget/clock.ts";
import type { Config, WebhookConfig } from "../config.ts";
import type { ConnectOptions, Database } from "../db/client.ts";
import type { OpenDatabase } from "../db/open.ts";
import { readDatabaseState } from "../db/queries/process/metrics.ts";
import type { StartupError } from "../errors.ts";
import type { PageHandler } from "../http/router.ts";
import type { HttpServer } from "../http/server.ts";
import type { Logger } from "../observability/logger.ts";
import { createMetrics, type Metrics } from "../observability/metrics/metrics.ts";
import type { Tracer } from "../observability/tracer.ts";
import { botIdOf, isOfSandbox } from "../shop/telegram-ids.ts";
import { createToolRegistry, type ToolRegistry } from "../tools/registry.ts";

export interface AppParts {
  config: Config;
  /** Telegram, or a stand-in. */
  telegram: {
    token: string;
    apiRoot: string;
    proxy: string | null;
    /** Null, or left out: updates are polled. */
    webhook?: WebhookConfig | null;
    callsPerSecond?: number;
  };
  model: Model;
  modelRetries?: ModelRetryOptions;
  open: OpenDatabase;
  ownerTelegramIds: readonly number[];
  /** A server that listens already; one is started when left out. `stop` closes it. */
  http?: HttpServer;
  /** The sandbox's page. */
  page: PageHandler | null;
  /** Something ended without which the process cannot continue. */
  onFatal(error: StartupError): void;
  /** Gives up a start that waits for Telegram. */
  stopping?: AbortSignal | undefined;
  /** Left out: no traces. */
  tracer?: Tracer | undefined;
  logger: Logger;
  now?: () => Date;
  /** Spaces the calls to Telegram; the system's clock when left out. */
  clock?: Clock;
}

/** What the parts of the app share. */
export interface Shared {
  readonly parts: AppParts;
  readonly botId: number;
  /** Whether the bot is the sandbox's. */
  readonly sandbox: boolean;
  readonly pools: Pools;
  readonly tools: ToolRegistry;
  readonly metrics: Metrics;
  now(): Date;
}

/** What undoes the start so far, in the order of the start. */
export type Stops = (() => Promise<void>)[];

/** Pools beside the one for runs and replies. */
type Pools = Record<keyof typeof POOLS, Database>;

const POOLS = {
  /** Queries of admins must not hold up the bot: connections of their own, and a shorter time limit. */
  admin: { poolSize: 8, statementTimeoutMs: 10_000 },
  /** Messages are stored at once, however many runs are under way: they wait for no connection of a run. */
  intake: { poolSize: 12 },
  /** A connection of its own: the metrics must be readable also when all connections of the other pools are taken. */
  metrics: { poolSize: 1, statementTimeoutMs: 2_000 },
} satisfies Record<string, ConnectOptions>;

/** `frozenChats`: chats to which nothing is sent because Telegram asked to wait; null before the bot exists. */
export function openShared(parts: AppParts, stops: Stops, frozenChats: () => number | null): Shared {
  const botId = botIdOf(parts.telegram.token);
  const pools = openPools(parts.open, stops);
  return {
    parts,
    botId,
    sandbox: isOfSandbox(botId),
    pools,
    tools: createToolRegistry(parts.config.revenueRoles),
    metrics: createMetrics({
      readDatabase: () => readDatabaseState(pools.metrics.db),
      pools: { intake: pools.intake.poolUse, bot: parts.open.database.poolUse, admin: pools.admin.poolUse },
      frozenChats,
    }),
    now: parts.now ?? (() => new Date()),
  };
}

function openPools(open: OpenDatabase, stops: Stops): Pools {
  const openPool = (options: ConnectOptions) => {
    const database = open.connect(options);
    stops.push(() => database.close());
    return database;
  };
  return { admin: openPool(POOLS.admin), intake: openPool(POOLS.intake), metrics: openPool(POOLS.metrics) };
}
