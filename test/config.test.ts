import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../src/config.ts";
import { StartupError } from "../src/errors.ts";

const TOKEN = "123456789:AAFabcdefghijklmnopqrstuvwxyz_-12345";
const KEY = "sk-proj-0123456789";

let folder: string;
let envFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "config-"));
  envFile = join(folder, ".env");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const load = (env: Record<string, string | undefined> = {}) => loadConfig(env, envFile);

/** The lines of the error below its first, each without indentation. */
function faultsOf(env: Record<string, string>): string[] {
  try {
    load(env);
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
  throw new Error("the configuration was accepted and should have been rejected");
}

test("without any variable every setting has its default", () => {
  const config = load();

  expect(config).toEqual({
    telegram: { token: null, apiRoot: "https://api.telegram.org", proxy: null, webhook: null },
    sandboxOnRealData: false,
    model: null,
    contextTokens: null,
    databaseUrl: null,
    dataDir: resolve("data"),
    http: { host: "127.0.0.1", port: 4000 },
    adminToken: null,
    isAdminTokenInFile: false,
    ownerTelegramIds: [],
    revenueRoles: ["staff", "manager", "owner"],
    shop: { name: "Xi Pho Coffee", timeZone: "Asia/Ho_Chi_Minh", currency: "VND", locale: "vi-VN" },
    logLevel: "info",
    traces: null,
  });
});

test("each variable sets its setting", () => {
  const config = load({
    TELEGRAM_BOT_TOKEN: TOKEN,
    TELEGRAM_API_ROOT: "http://localhost:8081/",
    TELEGRAM_PROXY: "socks5://127.0.0.1:1080",
    TELEGRAM_WEBHOOK_URL: "http://bot.shop.lan/telegram/hook",
    TELEGRAM_WEBHOOK_SECRET: "a-secret_of-32-characters-000000",
    OPENAI_API_KEY: KEY,
    OPENAI_BASE_URL: "http://localhost:11434/v1/",
    SANDBOX: "0",
    OPENAI_MODEL: "gpt-oss:20b",
    OPENAI_API: "chat",
    OPENAI_CONTEXT_TOKENS: "8192",
    DATABASE_URL: "postgres://shop:p%40ss@db:5432/shop",
    DATA_DIR: "/var/lib/counterhand",
    HOST: "0.0.0.0",
    PORT: "8080",
    ADMIN_TOKEN: "a".repeat(32),
    OWNER_TELEGRAM_IDS: "12345678, 4503599627370495",
    REVENUE_ROLES: " owner ,manager",
    SHOP_NAME: "Corner",
    SHOP_TIME_ZONE: "America/New_York",
    SHOP_CURRENCY: "USD",
    SHOP_LOCALE: "en-US",
    LOG_LEVEL: "debug",
  });

  expect(config).toEqual({
    telegram: {
      token: TOKEN,
      apiRoot: "http://localhost:8081",
      proxy: "socks5://127.0.0.1:1080",
      webhook: {
        url: "http://bot.shop.lan/telegram/hook",
        path: "/telegram/hook",
        secret: "a-secret_of-32-characters-000000",
      },
    },
    sandboxOnRealData: false,
    model: { apiKey: KEY, baseUrl: "http://localhost:11434/v1", name: "gpt-oss:20b", api: "chat" },
    contextTokens: 8_192,
    databaseUrl: "postgres://shop:p%40ss@db:5432/shop",
    dataDir: "/var/lib/counterhand",
    http: { host: "0.0.0.0", port: 8080 },
    adminToken: "a".repeat(32),
    isAdminTokenInFile: false,
    ownerTelegramIds: [12_345_678, 4_503_599_627_370_495],
    revenueRoles: ["owner", "manager"],
    shop: { name: "Corner", timeZone: "America/New_York", currency: "USD", locale: "en-US" },
    logLevel: "debug",
    traces: null,
  });
});

test("SANDBOX=1 allows the sandbox on real data, and conflicts with a bot token", () => {
  expect(load({ SANDBOX: "1" }).sandboxOnRealData).toBe(true);
  expect(faultsOf({ SANDBOX: "maybe" })).toEqual(["SANDBOX must be 1 or 0"]);
  expect(faultsOf({ SANDBOX: "true", TELEGRAM_BOT_TOKEN: TOKEN, OPENAI_API_KEY: KEY })).toEqual([
    "SANDBOX is on, but TELEGRAM_BOT_TOKEN is set, and the sandbox does not use Telegram: unset one of the two",
  ]);
  expect(load({ SANDBOX: "0", TELEGRAM_BOT_TOKEN: TOKEN, OPENAI_API_KEY: KEY }).telegram.token).toBe(TOKEN);
});

test("a token with an ID that Telegram never assigns is rejected: the sandbox's bot has such an ID", () => {
  const OPENAI_API_KEY = KEY;
  const secret = TOKEN.slice(TOKEN.indexOf(":"));

  expect(load({ OPENAI_API_KEY, TELEGRAM_BOT_TOKEN: `4503599627370495${secret}` }).telegram.token).not.toBeNull();
  for (const id of ["4503599627370496", "9".repeat(40)]) {
    expect(faultsOf({ OPENAI_API_KEY, TELEGRAM_BOT_TOKEN: `${id}${secret}` })).toEqual([
      "TELEGRAM_BOT_TOKEN is not a bot token: get one from @BotFather, such as 123456789:AAF...",
    ]);
  }
});

test("a key alone selects the default model; a base URL alone needs no key; a model name alone selects no model", () => {
  expect(load({ OPENAI_API_KEY: KEY }).model).toEqual({ apiKey: KEY, baseUrl: null, name: "gpt-6-luna", api: null });
  expect(load({ OPENAI_BASE_URL: "http://localhost:11434/v1" }).model).toEqual({
    apiKey: null,
    baseUrl: "http://localhost:11434/v1",
    name: "gpt-6-luna",
    api: null,
  });
  expect(load({ OPENAI_MODEL: "gpt-6-luna" }).model).toBeNull();
});

test("a webhook URL without a path gets one, and the secret is optional", () => {
  for (const TELEGRAM_WEBHOOK_URL of ["https://bot.example.com", "https://bot.example.com/"]) {
    expect(load({ TELEGRAM_WEBHOOK_URL }).telegram.webhook).toEqual({
      url: "https://bot.example.com/telegram/webhook",
      path: "/telegram/webhook",
      secret: null,
    });
  }
});

test.each([
  ["http://bot.example.com/hook", "must be an https:// URL"],
  ["ftp://bot.example.com/hook", "must be an https:// URL"],
  ["bot.example.com/hook", "must be an https:// URL"],
  ["https://bot.example.com:8000/hook", "must have port 443, 80, 88 or 8443: Telegram sends webhooks to no other port"],
  ["https://bot.example.com/graphql", "must have another path: this server uses /graphql itself"],
])("a webhook URL %s is rejected: it %s", (TELEGRAM_WEBHOOK_URL, fault) => {
  expect(faultsOf({ TELEGRAM_WEBHOOK_URL })).toEqual([`TELEGRAM_WEBHOOK_URL ${fault}`]);
});

test("with a local Bot API server a webhook may use any port, and http", () => {
  const TELEGRAM_API_ROOT = "http://127.0.0.1:8081";

  const { webhook } = load({ TELEGRAM_API_ROOT, TELEGRAM_WEBHOOK_URL: "http://127.0.0.1:4000" }).telegram;

  expect(webhook?.url).toBe("http://127.0.0.1:4000/telegram/webhook");
});

const FAULTY = {
  TELEGRAM_BOT_TOKEN: "secret-token",
  TELEGRAM_API_ROOT: "secret-root",
  TELEGRAM_PROXY: "ftp://secret-proxy",
  TELEGRAM_WEBHOOK_SECRET: "secret !",
  OPENAI_API_KEY: "secret!",
  OPENAI_BASE_URL: "secret-base",
  ALLOW_SCRIPTED_MODEL: "secret-maybe",
  DATABASE_URL: "mysql://secret:secret@db/shop",
  PORT: "65536",
  ADMIN_TOKEN: "secret-31-characters-000000000",
  OWNER_TELEGRAM_IDS: "12345678,@secret,@secret2",
  REVENUE_ROLES: "secret-boss,secret-chef",
  SHOP_NAME: "secret".repeat(20),
  SHOP_TIME_ZONE: "+07:00",
  SHOP_CURRENCY: "DONG",
  SHOP_LOCALE: "secret_locale",
  LOG_LEVEL: "secret-loud",
};

test("one error names all faults and what to change, and quotes no value", () => {
  const faults = faultsOf(FAULTY);

  expect(faults).toEqual([
    "TELEGRAM_BOT_TOKEN is not a bot token: get one from @BotFather, such as 123456789:AAF...",
    "TELEGRAM_API_ROOT must be an http:// or https:// URL",
    "TELEGRAM_PROXY must be a proxy URL such as http://host:8080 or socks5://host:1080",
    "TELEGRAM_WEBHOOK_SECRET must have 16 to 256 characters out of A-Z a-z 0-9 _ -",
    "OPENAI_API_KEY is too short for an API key",
    "OPENAI_BASE_URL must be an http:// or https:// URL",
    "ALLOW_SCRIPTED_MODEL must be 1 or 0",
    "DATABASE_URL must be a postgres:// URL",
    "PORT must be a whole number from 0 to 65535",
    "ADMIN_TOKEN must have at least 32 characters: create one with 'openssl rand -hex 32'",
    "OWNER_TELEGRAM_IDS must be Telegram user IDs separated by commas, such as 12345678,23456789",
    "REVENUE_ROLES must be one or more of staff, manager and owner, separated by commas",
    "SHOP_NAME must have at most 100 characters",
    "SHOP_TIME_ZONE is not an IANA time zone such as Asia/Ho_Chi_Minh",
    "SHOP_CURRENCY is not an ISO 4217 currency such as VND",
    "SHOP_LOCALE is not a BCP 47 locale such as vi-VN",
    "LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent",
  ]);
  expect(faults.join("\n")).not.toMatch(/secret[^A-Z]/);
});

test("the error says how many faults there are", () => {
  expect(() => load(FAULTY)).toThrow("The configuration has 17 errors:\n  TELEGRAM_BOT_TOKEN");
  expect(() => load({ PORT: "http" })).toThrow(
    "The configuration has 1 error:\n  PORT must be a whole number from 0 to 65535",
  );
});

test("malformed numbers and lists are rejected", () => {
  for (const PORT of ["-1", "80.5", "0x50", "1e3", "99999999999999999999"]) {
    expect(faultsOf({ PORT })).toEqual(["PORT must be a whole number from 0 to 65535"]);
  }
  for (const OWNER_TELEGRAM_IDS of ["0", "-5", "4503599627370496", ",", "1;2"]) {
    expect(faultsOf({ OWNER_TELEGRAM_IDS })).toHaveLength(1);
  }
  expect(faultsOf({ REVENUE_ROLES: "," })).toHaveLength(1);
  expect(load({ PORT: "0" }).http.port).toBe(0);
});

test("a bot token without a model is rejected with three alternatives", () => {
  const faults = faultsOf({ TELEGRAM_BOT_TOKEN: TOKEN, PORT: "http" });

  expect(faults).toEqual([
    "PORT must be a whole number from 0 to 65535",
    "OPENAI_API_KEY is missing, but TELEGRAM_BOT_TOKEN is set: real people would talk to a script. Set OPENAI_API_KEY, or OPENAI_BASE_URL for a local server, or ALLOW_SCRIPTED_MODEL=1 to allow this",
  ]);
  expect(faultsOf({ TELEGRAM_BOT_TOKEN: TOKEN, ALLOW_SCRIPTED_MODEL: "0" })).toHaveLength(1);
  expect(load({ TELEGRAM_BOT_TOKEN: TOKEN, ALLOW_SCRIPTED_MODEL: "1" }).model).toBeNull();
  expect(load({ TELEGRAM_BOT_TOKEN: TOKEN, OPENAI_BASE_URL: "http://localhost:11434/v1" }).model).not.toBeNull();
});

test("an empty or blank variable counts as not set, and other values are trimmed", () => {
  const config = load({
    PORT: "",
    SHOP_NAME: "  ",
    TELEGRAM_BOT_TOKEN: "",
    OPENAI_API_KEY: ` ${KEY}\n`,
    HOST: undefined,
  });

  expect(config.http).toEqual({ host: "127.0.0.1", port: 4000 });
  expect(config.shop.name).toBe("Xi Pho Coffee");
  expect(config.telegram.token).toBeNull();
  expect(config.model?.apiKey).toBe(KEY);
});

test("the environment takes precedence over the .env file, except where it is empty", async () => {
  await writeFile(
    envFile,
    "# the shop\nSHOP_NAME='From file'\nPORT=5000\nHOST=\nOPENAI_MODEL=from-file\nOPENAI_API_KEY=sk-file-key\n",
  );

  const config = load({ PORT: "6000", OPENAI_MODEL: "" });

  expect(config.shop.name).toBe("From file");
  expect(config.http).toEqual({ host: "127.0.0.1", port: 6000 });
  expect(config.model?.name).toBe("from-file");
});

test("faults of the .env file are named like those of the environment, and an unreadable file is an error", async () => {
  await writeFile(envFile, "PORT=secret\n");

  expect(faultsOf({ LOG_LEVEL: "loud" })).toEqual([
    "PORT must be a whole number from 0 to 65535",
    "LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent",
  ]);
  expect(() => loadConfig({}, folder)).toThrow(`Cannot read ${folder}`);
});

test.each(["with a space in the middle, and long enough", "mật-khẩu-của-quán-cà-phê-rất-là-dài-luôn"])(
  "an ADMIN_TOKEN that no HTTP header can carry is rejected: %s",
  (token) => {
    expect(faultsOf({ ADMIN_TOKEN: token })).toEqual([
      "ADMIN_TOKEN must have printable ASCII characters only, without spaces: create one with 'openssl rand -hex 32'",
    ]);
  },
);
