import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Config, loadConfig } from "../src/config.ts";
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
  OPENAI_API_KEY: "Bearer secret",
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
    "OPENAI_API_KEY must have printable ASCII characters only, without spaces and without 'Bearer'",
    "OPENAI_BASE_URL must be an http:// or https:// URL",
    "ALLOW_SCRIPTED_MODEL must be 1 or 0",
    "DATABASE_URL must be a postgres:// URL",
    "PORT must be a whole number from 0 to 65535",
    "ADMIN_TOKEN must have at least 32 characters: create one with 'openssl rand -hex 32'",
    "OWNER_TELEGRAM_IDS must be Telegram user IDs (numbers, not @names) separated by commas, such as 12345678,23456789; without it there is an invite link",
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
  for (const OWNER_TELEGRAM_IDS of ["0", "-5", "4503599627370496", ",", "-1001234567890", "@name"]) {
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

/** One value of the configuration, by the variable that sets it. */
const SETTINGS = {
  TELEGRAM_BOT_TOKEN: (config: Config) => config.telegram.token,
  TELEGRAM_API_ROOT: (config: Config) => config.telegram.apiRoot,
  OPENAI_API_KEY: (config: Config) => config.model?.apiKey,
  OPENAI_BASE_URL: (config: Config) => config.model?.baseUrl,
  SANDBOX: (config: Config) => config.sandboxOnRealData,
  DATABASE_URL: (config: Config) => config.databaseUrl,
  OWNER_TELEGRAM_IDS: (config: Config) => config.ownerTelegramIds,
  REVENUE_ROLES: (config: Config) => config.revenueRoles,
  HOST: (config: Config) => config.http.host,
  PORT: (config: Config) => config.http.port,
  SHOP_NAME: (config: Config) => config.shop.name,
  SHOP_CURRENCY: (config: Config) => config.shop.currency,
  SHOP_LOCALE: (config: Config) => config.shop.locale,
  SHOP_TIME_ZONE: (config: Config) => config.shop.timeZone,
  LOG_LEVEL: (config: Config) => config.logLevel,
};
type Setting = keyof typeof SETTINGS;

/** What other settings a value needs to be taken. */
const BESIDE: Partial<Record<Setting, Record<string, string>>> = {
  TELEGRAM_BOT_TOKEN: { OPENAI_API_KEY: KEY },
  OPENAI_API_KEY: { OPENAI_BASE_URL: "http://localhost:8000/v1" },
};

const LOCAL = "http://localhost:11434/v1";

test.each<[Setting, string, unknown]>([
  // What the pages of vLLM, Ollama, LM Studio, llama.cpp and others say.
  ...["EMPTY", "ollama", "none", "lm-studio", "sk-no-key-required", "sk-1234", "dummy", "x"].map(
    (key): [Setting, string, string] => ["OPENAI_API_KEY", key, key],
  ),
  ["OPENAI_BASE_URL", "http://localhost:11434/v1/", LOCAL],
  ["OPENAI_BASE_URL", "http://localhost:11434", LOCAL],
  ["OPENAI_BASE_URL", "http://localhost:11434//", LOCAL],
  ["OPENAI_BASE_URL", "http://localhost:11434/v1/responses", LOCAL],
  ["OPENAI_BASE_URL", "http://localhost:11434/v1/chat/completions/", LOCAL],
  ["OPENAI_BASE_URL", "http://localhost:11434/v1/models", LOCAL],
  ["OPENAI_BASE_URL", "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"],
  ["OPENAI_BASE_URL", "http://localhost:3000/api", "http://localhost:3000/api"],
  ["OPENAI_BASE_URL", "https://shop.services.ai.azure.com/models", "https://shop.services.ai.azure.com/models"],
  ["OPENAI_BASE_URL", "https://gateway.example.com/responses", "https://gateway.example.com"],
  ["TELEGRAM_BOT_TOKEN", `bot${TOKEN}`, TOKEN],
  ["TELEGRAM_BOT_TOKEN", `"${TOKEN}"`, TOKEN],
  ["TELEGRAM_API_ROOT", "http://localhost:8081/bot", "http://localhost:8081"],
  ["DATABASE_URL", "'postgresql://shop@db/till'", "postgresql://shop@db/till"],
  ["OWNER_TELEGRAM_IDS", " 12345678 , 23456789 ", [12_345_678, 23_456_789]],
  ["OWNER_TELEGRAM_IDS", "12345678 23456789", [12_345_678, 23_456_789]],
  ["OWNER_TELEGRAM_IDS", "12345678;23456789", [12_345_678, 23_456_789]],
  ["OWNER_TELEGRAM_IDS", "'12345678'", [12_345_678]],
  ["REVENUE_ROLES", "Owner, MANAGER", ["owner", "manager"]],
  ["HOST", "localhost", "127.0.0.1"],
  ["HOST", "*", "0.0.0.0"],
  ["HOST", "[::]", "::"],
  ["HOST", "::1", "::1"],
  ["HOST", "counter.lan", "counter.lan"],
  ["PORT", '"8080"', 8080],
  ["LOG_LEVEL", "INFO", "info"],
  ["LOG_LEVEL", "Warning", "warn"],
  ["LOG_LEVEL", "CRITICAL", "fatal"],
  ["LOG_LEVEL", "off", "silent"],
  ["SHOP_NAME", '"Xi Phở #1"', "Xi Phở #1"],
  ["SHOP_NAME", "Shop # 1", "Shop # 1"],
  ["SHOP_CURRENCY", "vnd", "VND"],
  ["SHOP_LOCALE", "vi_VN.UTF-8", "vi-VN"],
  ["SHOP_LOCALE", "de_DE@euro", "de-DE"],
  ["SHOP_LOCALE", "en-us", "en-US"],
  ["SHOP_TIME_ZONE", "Asia/Saigon", "Asia/Saigon"],
  ...["1", "true", "TRUE", "yes", "on"].map((value): [Setting, string, boolean] => ["SANDBOX", value, true]),
  ...["0", "false", "no", "off"].map((value): [Setting, string, boolean] => ["SANDBOX", value, false]),
])("%s=%s, as other programs and their pages write it, is taken", (name, value, expected) => {
  expect(SETTINGS[name](load({ ...BESIDE[name], [name]: value }))).toEqual(expected);
});

const NO_QUERY = "must end before its ? or #: a query, such as Azure's api-version, is not supported";
const OWN_SERVER = "give OpenAI's key, or set OPENAI_BASE_URL as well for a server of your own";

test.each([
  ["OPENAI_API_KEY", "x", `is too short for an API key: ${OWN_SERVER}`],
  ["OPENAI_API_KEY", "EMPTY", `is a placeholder: ${OWN_SERVER}`],
  ["OPENAI_API_KEY", "sk-no-key-required", `is a placeholder: ${OWN_SERVER}`],
  ["OPENAI_API_KEY", "lm-studio", `is a placeholder: ${OWN_SERVER}`],
  ["OPENAI_API_KEY", "sk-…-abcdefgh", "must have printable ASCII characters only, without spaces and without 'Bearer'"],
  ["OPENAI_BASE_URL", "localhost:11434", "must be an http:// or https:// URL"],
  [
    "OPENAI_BASE_URL",
    "http://localhost:11434/api/chat",
    "must be the address of an API like OpenAI's: for Ollama http://HOST:11434/v1",
  ],
  [
    "OPENAI_BASE_URL",
    "https://user:pass@host/v1",
    "must have no user and no password: the key belongs into OPENAI_API_KEY",
  ],
  ["OPENAI_BASE_URL", "https://host/v1?api-version=1", NO_QUERY],
  ["OPENAI_BASE_URL", "https://host/v1#top", NO_QUERY],
  ["PORT", "tcp://172.17.0.2:4000", "must be only the number of the port: the address belongs into HOST"],
  ["PORT", "0.0.0.0:4000", "must be only the number of the port: the address belongs into HOST"],
  ["HOST", "0.0.0.0:4000", "must be only an address or a name, such as 0.0.0.0: the port belongs into PORT"],
  ["HOST", "http://localhost", "must be only an address or a name, such as 0.0.0.0: the port belongs into PORT"],
  ["DATA_DIR", "~/data", "must be a whole path: only a shell replaces ~ and $HOME"],
  ["DATA_DIR", "$HOME/data", "must be a whole path: only a shell replaces ~ and $HOME"],
  ["SHOP_CURRENCY", "₫", "is not an ISO 4217 currency such as VND"],
  ["SHOP_LOCALE", "C.UTF-8", "is not a BCP 47 locale such as vi-VN"],
  ["SHOP_LOCALE", "xx-YY", "is not a BCP 47 locale such as vi-VN"],
  ["SANDBOX", "ja", "must be 1 or 0"],
  [
    "DATABASE_URL",
    "postgres://shop:$" + "{POSTGRES_PASSWORD}@db/shop",
    "has the name of a variable or a command, as after a $, which is not replaced here: write the value itself",
  ],
  [
    "PORT",
    "4000 # the default",
    "has a comment after its value, which is a part of the value here: give the comment a line of its own",
  ],
])("%s=%s is refused with what to write", (name, value, message) => {
  expect(faultsOf({ [name]: value })).toEqual([`${name} ${message}`]);
});

test.each([
  ["an exported variable", "export PORT=5000"],
  ["quotes", 'PORT="5000"'],
  ["single quotes and a comment", "PORT='5000' # the port"],
  ["a comment after a space", "PORT=5000 # the port, #2"],
  ["spaces around the equals sign", "PORT = 5000"],
  ["Windows line ends", "HOST=::1\r\nPORT=5000\r\nSHOP_NAME=Corner\r\n"],
  ["a byte order mark", "\uFEFFPORT=5000\n"],
])(".env with %s is read", async (_, text) => {
  await writeFile(envFile, text);

  expect(load().http.port).toBe(5000);
});

test("a .env in UTF-16, as PowerShell writes it, is read", async () => {
  await writeFile(envFile, Buffer.from("\uFEFFPORT=5000\r\nSHOP_NAME=Phở\r\n", "utf16le"));

  const config = load();

  expect(config.http.port).toBe(5000);
  expect(config.shop.name).toBe("Phở");
});

test("a value that .env would cut at a # is refused, and one in quotes is whole", async () => {
  await writeFile(
    envFile,
    "DATABASE_URL=postgres://shop:pa#ss@db/till\nSHOP_NAME='Shop #1'\nexport OPENAI_MODEL=a#b\n",
  );

  expect(faultsOf({})).toEqual([
    'OPENAI_MODEL has a "#", where .env begins a comment: put the value in quotes, or a space before the comment',
    'DATABASE_URL has a "#", where .env begins a comment: put the value in quotes, or a space before the comment',
  ]);
});

test("a quote in .env that is not closed on its line is refused: it would swallow the next lines", async () => {
  await writeFile(envFile, 'SHOP_NAME="Corner\nPORT=5000\nLOG_LEVEL="warn"\n');

  expect(faultsOf({})).toEqual(["SHOP_NAME has a line break in .env: close the quote at the end of its line"]);
});

const FORM = "is written in another form in .env: write it at the beginning of a line, as NAME=value";
const AFTER_QUOTE =
  "has something after its closing quote in .env, which is lost: put the whole value between the other kind of quotes";

test.each([
  ['DATABASE_URL="postgres://shop@db/till"?sslmode=verify-full', `DATABASE_URL ${AFTER_QUOTE}`],
  [`ADMIN_TOKEN='${"a".repeat(36)}'\\''b'`, `ADMIN_TOKEN ${AFTER_QUOTE}`],
  ['SHOP_NAME="Corner" Shop', `SHOP_NAME ${AFTER_QUOTE}`],
  ['SHOP_NAME="The \\"Corner\\" shop"', `SHOP_NAME ${AFTER_QUOTE}`],
  ["PORT: 5000", `PORT ${FORM}`],
  ["set PORT=5000", `PORT ${FORM}`],
  ["$env:PORT=5000", `PORT ${FORM}`],
  ["export\tPORT=5000", `PORT ${FORM}`],
  ["\u00a0PORT=5000", `PORT ${FORM}`],
  ['"PORT"=5000', `PORT ${FORM}`],
  ["ENV PORT=5000", `PORT ${FORM}`],
  ['declare -x PORT="5000"', `PORT ${FORM}`],
  ["$Env:PORT = '5000'", `PORT ${FORM}`],
  ["PORT\u00a0=5000", `PORT ${FORM}`],
  ["- PORT=5000", `PORT ${FORM}`],
  ['  "PORT": "5000",', `PORT ${FORM}`],
  // A value of several lines does not hide what is around it.
  ['OTHER="a\nb"\nexport\tPORT=5000', `PORT ${FORM}`],
  [
    "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318\nOTEL_EXPORTER_OTLP_HEADERS=x-key=ab#cd",
    'OTEL_EXPORTER_OTLP_HEADERS has a "#", where .env begins a comment: put the value in quotes, or a space before the comment',
  ],
])("the line %s of .env, of which a part would be lost, is refused", async (text, fault) => {
  await writeFile(envFile, `${text}\n`);

  expect(faultsOf({})).toEqual([fault]);
});

test("a .env in UTF-16 of the other byte order is read; in an encoding that is not known it is refused", async () => {
  await writeFile(envFile, Buffer.from("\uFEFFSHOP_NAME=Phở\n", "utf16le").swap16());
  expect(load().shop.name).toBe("Phở");

  for (const bytes of [Buffer.from("SHOP_NAME=C\xe0 ph\xea\n", "latin1"), Buffer.from("PORT=5000\n", "utf16le")]) {
    await writeFile(envFile, bytes);
    expect(() => load()).toThrow(/is not in UTF-8: save it with that encoding\.$/);
  }
});

test.each([
  ["OPENAI_API_KEY", "$" + "{OPENAI_API_KEY:-}"],
  ["DATABASE_URL", "postgres://shop:$" + "{POSTGRES_PASSWORD:-secret}@db/shop"],
  ["DATABASE_URL", "postgres://shop:$(cat /run/secrets/pw)@db/shop"],
  ["DATA_DIR", "$(pwd)/data"],
  ["DATA_DIR", "%APPDATA%\\counterhand"],
  ["DATA_DIR", "%ProgramFiles(x86)%\\counterhand"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://$(HOST_IP):4318"],
])("%s=%s, which only another program replaces, is refused", (name, value) => {
  expect(faultsOf({ [name]: value })).toEqual([expect.stringContaining("which is not replaced here")]);
});

test.each([
  ["DATA_DIR", "file:///data", "must be a path, without file:"],
  ["SHOP_TIME_ZONE", "IST", "is not an IANA time zone such as Asia/Ho_Chi_Minh"],
  ["SHOP_TIME_ZONE", "US/Pacific-New", "is not an IANA time zone such as Asia/Ho_Chi_Minh"],
  [
    "TELEGRAM_API_ROOT",
    "https://api.telegram.org/bot123456789:AAF-a-token-that-nobody-has",
    "must end before /bot<token>, without the token and without a query",
  ],
])("%s=%s is refused: %s", (name, value, message) => {
  expect(faultsOf({ [name]: value })).toEqual([`${name} ${message}`]);
});

test.each(["/v1/v1", "/v1?", "/v1#", "/V1", "/v1/completions", "/v1/chat", "/v1/chat/completions/"])(
  "OPENAI_BASE_URL that ends in %s leads to /v1",
  (end) => {
    expect(load({ OPENAI_BASE_URL: `http://host:1${end}` }).model?.baseUrl).toBe("http://host:1/v1");
  },
);

test.each(["MY-PORT=5", "# the PORT=5", "app.PORT=5", 'OTHER="a\nPORT: 5\nb"', "THE_PORT: 5"])(
  "the line %j of .env is another program's",
  async (text) => {
    await writeFile(envFile, `${text}\n`);

    expect(load().http.port).toBe(4000);
  },
);

test("a value that would be replaced elsewhere has one fault", () => {
  const env = { OTEL_TRACES_EXPORTER: "otlp", OTEL_EXPORTER_OTLP_TIMEOUT: "$(TIMEOUT)" };

  expect(faultsOf(env)).toEqual([expect.stringMatching(/^OTEL_EXPORTER_OTLP_TIMEOUT .* is not replaced here/)]);
});

test("while traces are off, their variables are not checked", () => {
  expect(load({ OTEL_RESOURCE_ATTRIBUTES: "pod=$(POD_NAME)" }).traces).toBeNull();
});

test("the case of a word does not count", () => {
  const on = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318", OPENAI_BASE_URL: "http://host" };
  const words = { OPENAI_API: "Chat", OTEL_EXPORTER_OTLP_COMPRESSION: "GZIP", OTEL_TRACES_SAMPLER: "ALWAYS_ON" };

  expect(load({ ...on, ...words })).toMatchObject({ model: { api: "chat" }, traces: { compression: "gzip" } });
  expect(load({ ...on, OTEL_TRACES_EXPORTER: "NONE" }).traces).toBeNull();
});
