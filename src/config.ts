/**
 * Environment -> `Config`: the only reader of `process.env` and `.env`.
 *
 * Nothing happens on import. An empty variable counts as not set, as in a copied `.env.example`. `config/values.ts` reads the
 * values, `config/variables.ts` has each variable with its check.
 */
import { resolve } from "node:path";
import { findConflicts, type Variables } from "./config/conflicts.ts";
import { readTraces, TRACE_VARIABLES, type TracesConfig } from "./config/traces.ts";
import { findUnreplaced, readEnvFile, readEnvironment } from "./config/values.ts";
import { Environment } from "./config/variables.ts";
import { StartupError } from "./errors.ts";
import type { StaffRole } from "./shop/roles.ts";
import type { Shop } from "./shop/shop.ts";

export interface Config {
  telegram: TelegramConfig;
  /** Whether the sandbox may also run on a database that holds real people or figures. */
  sandboxOnRealData: boolean;
  /** Null: the scripted stand-in answers. */
  model: ModelConfig | null;
  /** Tokens of history that the model gets at most; null: as many as its window holds, as far as that is known. */
  contextTokens: number | null;
  /** Null: the embedded server in `dataDir`. */
  databaseUrl: string | null;
  /** An absolute path. */
  dataDir: string;
  http: { host: string; port: number };
  adminToken: string | null;
  /** Whether the token comes from the `.env` file, which a shell does not read. */
  isAdminTokenInFile: boolean;
  ownerTelegramIds: readonly number[];
  revenueRoles: readonly StaffRole[];
  shop: Shop;
  logLevel: string;
  /** Null: no traces. */
  traces: TracesConfig | null;
}

export interface TelegramConfig {
  /** Null: the local stand-in (sandbox). */
  token: string | null;
  apiRoot: string;
  proxy: string | null;
  /** Null: the bot polls for updates. */
  webhook: WebhookConfig | null;
}

/** Where Telegram sends updates. */
export interface WebhookConfig {
  /** As it is registered with Telegram, always with a path. */
  url: string;
  path: string;
  /** Null: derived from the token, the same in every process. */
  secret: string | null;
}

export interface ModelConfig {
  /** Null for a server that needs none. */
  apiKey: string | null;
  baseUrl: string | null;
  name: string;
  /** Null: not chosen, which is the Responses API. */
  api: "responses" | "chat" | null;
}

const WEBHOOK_PATH = "/telegram/webhook";

/**
 * Reads the environment, and the `.env` file of the working directory for what the environment does not set.
 *
 * @throws {StartupError} naming every wrong variable and what to change. It never quotes a value, which may be a secret.
 */
export function loadConfig(env: Variables = process.env, envFile = ".env"): Config {
  const names = [...Object.keys(Environment.shape), ...TRACE_VARIABLES];
  const inEnvironment = readEnvironment(env, names);
  const inFile = readEnvFile(envFile, names);
  const variables = { ...inFile.variables, ...inEnvironment.variables };
  const parsed = Environment.safeParse(variables);
  const { traces, faults: traceFaults } = readTraces(variables);
  // While traces are off, their variables may be meant for another program.
  const hasTraces = traces !== null || traceFaults.length > 0;
  const values = [...inFile.faults, ...inEnvironment.faults, ...findUnreplaced(variables, names)].filter(
    ([name]) => hasTraces || !TRACE_VARIABLES.includes(name),
  );
  const misread = new Set(values.map(([name]) => name));
  const checked = (parsed.error?.issues ?? []).map(({ path, message }) => [String(path[0]), message] as const);
  const faults = [
    ...values,
    // What is wrong with a value that was misread only distracts.
    ...[...checked, ...traceFaults].filter(([name]) => !misread.has(name)),
    ...findConflicts(variables),
  ].map(([name, message]) => `  ${name} ${message}`);
  if (parsed.success && faults.length === 0) {
    const isAdminTokenInFile =
      parsed.data.ADMIN_TOKEN !== undefined && inEnvironment.variables.ADMIN_TOKEN === undefined;
    return { ...toConfig(parsed.data), isAdminTokenInFile, traces };
  }
  const count = faults.length === 1 ? "1 error" : `${faults.length} errors`;
  throw new StartupError(`The configuration has ${count}:\n${faults.join("\n")}`);
}

function toConfig(env: Environment): Omit<Config, "isAdminTokenInFile" | "traces"> {
  const hasModel = env.OPENAI_API_KEY !== undefined || env.OPENAI_BASE_URL !== undefined;
  return {
    telegram: {
      token: env.TELEGRAM_BOT_TOKEN ?? null,
      apiRoot: env.TELEGRAM_API_ROOT,
      proxy: env.TELEGRAM_PROXY ?? null,
      webhook: env.TELEGRAM_WEBHOOK_URL ? toWebhook(env.TELEGRAM_WEBHOOK_URL, env.TELEGRAM_WEBHOOK_SECRET) : null,
    },
    sandboxOnRealData: env.SANDBOX,
    model: hasModel
      ? {
          apiKey: env.OPENAI_API_KEY ?? null,
          baseUrl: env.OPENAI_BASE_URL ?? null,
          name: env.OPENAI_MODEL,
          api: env.OPENAI_API ?? null,
        }
      : null,
    contextTokens: env.OPENAI_CONTEXT_TOKENS ?? null,
    databaseUrl: env.DATABASE_URL ?? null,
    dataDir: resolve(env.DATA_DIR),
    http: { host: env.HOST, port: env.PORT },
    adminToken: env.ADMIN_TOKEN ?? null,
    ownerTelegramIds: env.OWNER_TELEGRAM_IDS,
    revenueRoles: env.REVENUE_ROLES,
    shop: {
      name: env.SHOP_NAME,
      timeZone: env.SHOP_TIME_ZONE,
      currency: env.SHOP_CURRENCY,
      locale: env.SHOP_LOCALE,
    },
    logLevel: env.LOG_LEVEL,
  };
}

function toWebhook(address: string, secret: string | undefined): WebhookConfig {
  const url = new URL(address);
  if (url.pathname === "/") url.pathname = WEBHOOK_PATH;
  return { url: url.href, path: url.pathname, secret: secret ?? null };
}
