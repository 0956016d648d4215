/**
 * Environment -> `Config`: the only reader of `process.env` and `.env`, with all faults named at once.
 *
 * Nothing happens on import. A variable that is set but empty counts as not set, as in a copied `.env.example`.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { z } from "zod";
import { StartupError } from "./errors.ts";
import { STAFF_ROLES, type StaffRole } from "./shop/roles.ts";
import type { Shop } from "./shop/shop.ts";
import { botIdOf, isOfSandbox, LARGEST_TELEGRAM_ID } from "./shop/telegram-ids.ts";

export interface Config {
  telegram: TelegramConfig;
  /** Whether the sandbox may also run on a database that holds real people or figures. */
  sandboxOnRealData: boolean;
  /** Null: the scripted stand-in answers. */
  model: ModelConfig | null;
  /** Null: the embedded server in `dataDir`. */
  databaseUrl: string | null;
  dataDir: string;
  http: { host: string; port: number };
  adminToken: string | null;
  /** Whether it stands in the `.env` file, where a shell does not see it. */
  isAdminTokenInFile: boolean;
  ownerTelegramIds: readonly number[];
  revenueRoles: readonly StaffRole[];
  shop: Shop;
  logLevel: string;
}

export interface TelegramConfig {
  /** Null: the local stand-in (sandbox). */
  token: string | null;
  apiRoot: string;
  proxy: string | null;
  /** Null: updates are fetched. */
  webhook: WebhookConfig | null;
}

/** Where Telegram brings updates to. */
export interface WebhookConfig {
  /** As Telegram is told it, with a path. */
  url: string;
  path: string;
  /** Null: derived from the token, the same in every process. */
  secret: string | null;
}

export interface ModelConfig {
  /** Null for a server that asks for none. */
  apiKey: string | null;
  baseUrl: string | null;
  name: string;
}

type Variables = Record<string, string | undefined>;

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

const NO_BOT_TOKEN = "is not a bot token: @BotFather gives one such as 123456789:AAF...";

const Environment = z.object({
  TELEGRAM_BOT_TOKEN: z
    .string()
    .regex(/^\d+:[\w-]{30,}$/, NO_BOT_TOKEN)
    .refine((token) => !isOfSandbox(botIdOf(token)), NO_BOT_TOKEN)
    .optional(),
  SANDBOX: z.stringbool("must be 1 or 0").default(false),
  TELEGRAM_API_ROOT: webAddress().default("https://api.telegram.org"),
  TELEGRAM_PROXY: z
    .url({
      protocol: /^(https?|socks[45]?[ah]?)$/,
      error: "is not a proxy address such as http://host:8080 or socks5://host:1080",
    })
    .optional(),
  TELEGRAM_WEBHOOK_URL: z.url({ protocol: /^https?$/, error: "must be an https:// address" }).optional(),
  TELEGRAM_WEBHOOK_SECRET: z
    .string()
    .regex(/^[\w-]{16,256}$/, "must be 16 to 256 of the characters A-Z a-z 0-9 _ -")
    .optional(),
  OPENAI_API_KEY: z.string().min(8, "is too short for a key").optional(),
  OPENAI_BASE_URL: webAddress().optional(),
  OPENAI_MODEL: z.string().default("gpt-6-luna"),
  ALLOW_SCRIPTED_MODEL: z.stringbool("must be 1 or 0").default(false),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: "must be a postgres:// address" }).optional(),
  DATA_DIR: z.string().default("./data"),
  HOST: z.string().default("127.0.0.1"),
  PORT: wholeNumber(0, 65_535).default(4000),
  ADMIN_TOKEN: z
    .string()
    .min(32, "must have at least 32 characters: 'openssl rand -hex 32' makes one")
    // Another could not be sent in the header of a request, and nobody would ever be let in.
    .regex(/^[\x21-\x7e]*$/, "must be of ASCII characters, without blanks: 'openssl rand -hex 32' makes one")
    .optional(),
  OWNER_TELEGRAM_IDS: list(
    wholeNumber(1, LARGEST_TELEGRAM_ID),
    "must be Telegram user ids with commas between them, such as 12345678,23456789",
  ).default([]),
  REVENUE_ROLES: list(z.enum(STAFF_ROLES), "must be of staff, manager and owner, with commas between them").default([
    ...STAFF_ROLES,
  ]),
  SHOP_NAME: z.string().max(100, "has more than 100 characters").default("Xi Pho Coffee"),
  SHOP_TIME_ZONE: z
    .string()
    .refine(isTimeZone, "is not an IANA time zone such as Asia/Ho_Chi_Minh")
    .default("Asia/Ho_Chi_Minh"),
  SHOP_CURRENCY: z.string().refine(isCurrency, "is not an ISO 4217 currency such as VND").default("VND"),
  SHOP_LOCALE: z.string().refine(isLocale, "is not a BCP 47 locale such as vi-VN").default("vi-VN"),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(", ")}`).default("info"),
});

/**
 * Reads the environment, and beneath it the `.env` file of the working directory.
 *
 * @throws {StartupError} naming every faulty variable and how to mend it; values are never quoted, they may be secrets.
 */
export function loadConfig(env: Variables = process.env, envFile = ".env"): Config {
  const given = withoutEmpty(env);
  const variables = withoutEmpty({ ...readEnvFile(envFile), ...given });
  const parsed = Environment.safeParse(variables);
  const faults = [
    ...(parsed.error?.issues ?? []).map((issue) => `  ${String(issue.path[0])} ${issue.message}`),
    ...contradictions(variables).map(([variable, message]) => `  ${variable} ${message}`),
  ];
  if (parsed.success && faults.length === 0) {
    const isAdminTokenInFile = parsed.data.ADMIN_TOKEN !== undefined && given.ADMIN_TOKEN === undefined;
    return { ...toConfig(parsed.data), isAdminTokenInFile };
  }
  const count = faults.length === 1 ? "a fault" : `${faults.length} faults`;
  throw new StartupError(`The configuration has ${count}:\n${faults.join("\n")}`);
}

/** Faults of variables that are each well-formed, read before parsing so that they are named together with the others. */
function contradictions(variables: Variables): [variable: string, message: string][] {
  const found: [string, string][] = [];
  const webhookFault = faultOfWebhook(variables);
  if (webhookFault) found.push(["TELEGRAM_WEBHOOK_URL", webhookFault]);
  if (variables.TELEGRAM_BOT_TOKEN && isOn(variables.SANDBOX)) {
    found.push([
      "SANDBOX",
      "is on, and TELEGRAM_BOT_TOKEN is set: the sandbox has no Telegram. Leave one of the two out",
    ]);
  }
  const hasModel = variables.OPENAI_API_KEY || variables.OPENAI_BASE_URL;
  if (variables.TELEGRAM_BOT_TOKEN && !hasModel && !isOn(variables.ALLOW_SCRIPTED_MODEL)) {
    found.push([
      "OPENAI_API_KEY",
      "is missing, and TELEGRAM_BOT_TOKEN is set: real people would talk to a script. Set OPENAI_API_KEY, or OPENAI_BASE_URL for a local server, or ALLOW_SCRIPTED_MODEL=1 to allow that",
    ]);
  }
  return found;
}

function isOn(value: string | undefined): boolean {
  return z.stringbool().safeParse(value).data === true;
}

/** What Telegram itself, or this server, could not do with a webhook's address. */
function faultOfWebhook({ TELEGRAM_WEBHOOK_URL, TELEGRAM_API_ROOT }: Variables): string | undefined {
  const url = URL.parse(TELEGRAM_WEBHOOK_URL ?? "");
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  const { pathname, protocol, port } = url;
  if (OWN_PATHS.test(pathname)) return `must have another path: ${pathname} is this server's own`;
  // A Bot API server of one's own goes without these two rules.
  if (TELEGRAM_API_ROOT && URL.parse(TELEGRAM_API_ROOT)?.hostname !== "api.telegram.org") return undefined;
  if (protocol !== "https:") return "must be an https:// address";
  return WEBHOOK_PORTS.includes(port) ? undefined : "must have port 443, 80, 88 or 8443: Telegram comes to no other";
}

const OWN_PATHS = /^\/(healthz|metrics|graphql|sandbox)(\/|$)/;
/** "" is that of https itself, 443. */
const WEBHOOK_PORTS = ["", "80", "88", "8443"];
const WEBHOOK_PATH = "/telegram/webhook";

function toWebhook(address: string, secret: string | undefined): WebhookConfig {
  const url = new URL(address);
  if (url.pathname === "/") url.pathname = WEBHOOK_PATH;
  return { url: url.href, path: url.pathname, secret: secret ?? null };
}

function toConfig(env: z.output<typeof Environment>): Omit<Config, "isAdminTokenInFile"> {
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
      ? { apiKey: env.OPENAI_API_KEY ?? null, baseUrl: env.OPENAI_BASE_URL ?? null, name: env.OPENAI_MODEL }
      : null,
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

function readEnvFile(path: string): Variables {
  try {
    return parseEnv(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new StartupError(`Cannot read ${path}: ${(error as Error).message}`);
  }
}

/** The variables that say something. Blanks around a value belong to none: a secret read from a file ends with a line break. */
function withoutEmpty(variables: Variables): Variables {
  const trimmed = Object.entries(variables).map(([name, value]) => [name, value?.trim()] as const);
  return Object.fromEntries(trimmed.filter(([, value]) => value));
}

function webAddress() {
  return z
    .url({ protocol: /^https?$/, error: "must be an http:// or https:// address" })
    .transform((address) => address.replace(/\/+$/, ""));
}

function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .trim()
    .regex(/^\d+$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

/** At least one, with commas between them; whatever is wrong in it is one fault. */
function list<Value>(item: z.ZodType<Value, string>, message: string) {
  const items = z.array(item).min(1);
  return z.string().transform((text, context) => {
    const parts = text.split(",").map((part) => part.trim());
    const parsed = items.safeParse(parts.filter(Boolean));
    if (parsed.success) return parsed.data;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

function isTimeZone(name: string): boolean {
  return accepts(() => new Intl.DateTimeFormat("en", { timeZone: name })) && !/^[+-]/.test(name);
}

function isCurrency(code: string): boolean {
  return /^[A-Z]{3}$/.test(code) && Intl.supportedValuesOf("currency").includes(code);
}

function isLocale(tag: string): boolean {
  return accepts(() => Intl.getCanonicalLocales(tag));
}

function accepts(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    // Intl answers an unknown name with a RangeError and nothing else: that is the question asked here.
    return false;
  }
}
