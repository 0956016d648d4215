/**
 * The environment variables, each with its check and its default.
 *
 * A message continues the name of the variable ("PORT must be a whole number ...") and says what to change. It never
 * quotes the value, which may be a secret. What two variables must not say together is in `conflicts.ts`.
 */
import { z } from "zod";
import { STAFF_ROLES } from "../shop/roles.ts";
import { botIdOf, isOfSandbox, LARGEST_TELEGRAM_ID } from "../shop/telegram-ids.ts";
import {
  commaList,
  hostName,
  isCurrency,
  isTimeZone,
  locale,
  logLevel,
  modelServerUrl,
  portNumber,
  webUrl,
  wholeNumber,
} from "./formats.ts";

const NO_BOT_TOKEN = "is not a bot token: get one from @BotFather, such as 123456789:AAF...";
const NO_SWITCH = "must be 1 or 0";

export const Environment = z.object({
  TELEGRAM_BOT_TOKEN: z
    .string()
    // "bot" is before the token in the Bot API's addresses.
    .transform((token) => token.replace(/^bot(?=\d+:)/i, ""))
    .refine((token) => /^\d+:[\w-]{30,}$/.test(token) && !isOfSandbox(botIdOf(token)), NO_BOT_TOKEN)
    .optional(),
  SANDBOX: z.stringbool(NO_SWITCH).default(false),
  TELEGRAM_API_ROOT: webUrl()
    .refine((url) => !/[?#]|\/bot\d+:/i.test(url), "must end before /bot<token>, without the token and without a query")
    .transform((url) => url.replace(/\/bot$/, ""))
    .default("https://api.telegram.org"),
  TELEGRAM_PROXY: z
    .url({
      protocol: /^(https?|socks[45]?[ah]?)$/,
      error: "must be a proxy URL such as http://host:8080 or socks5://host:1080",
    })
    .optional(),
  TELEGRAM_WEBHOOK_URL: z.url({ protocol: /^https?$/, error: "must be an https:// URL" }).optional(),
  TELEGRAM_WEBHOOK_SECRET: z
    .string()
    .regex(/^[\w-]{16,256}$/, "must have 16 to 256 characters out of A-Z a-z 0-9 _ -")
    .optional(),
  // How long it must be depends on the server: see `conflicts.ts`.
  OPENAI_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]*$/, "must have printable ASCII characters only, without spaces and without 'Bearer'")
    .optional(),
  OPENAI_BASE_URL: modelServerUrl().optional(),
  OPENAI_MODEL: z.string().default("gpt-6-luna"),
  OPENAI_API: z
    .string()
    .toLowerCase()
    .pipe(z.enum(["responses", "chat"], "must be responses or chat"))
    .optional(),
  OPENAI_CONTEXT_TOKENS: wholeNumber(1, 100_000_000).optional(),
  ALLOW_SCRIPTED_MODEL: z.stringbool(NO_SWITCH).default(false),
  // `db/driver/database-url.ts` reads the rest.
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "must be a postgres:// URL")
    .optional(),
  DATA_DIR: z
    .string()
    .regex(/^(?!~|\$\w)/, "must be a whole path: only a shell replaces ~ and $HOME")
    .regex(/^(?!file:)/i, "must be a path, without file:")
    .default("./data"),
  HOST: hostName().default("127.0.0.1"),
  PORT: portNumber().default(4000),
  ADMIN_TOKEN: z
    .string()
    .min(32, "must have at least 32 characters: create one with 'openssl rand -hex 32'")
    // No request could carry any other character in its header, so nobody could ever use the token.
    .regex(
      /^[\x21-\x7e]*$/,
      "must have printable ASCII characters only, without spaces: create one with 'openssl rand -hex 32'",
    )
    .optional(),
  OWNER_TELEGRAM_IDS: commaList(
    wholeNumber(1, LARGEST_TELEGRAM_ID),
    "must be Telegram user IDs (numbers, not @names) separated by commas, such as 12345678,23456789; without it there is an invite link",
  ).default([]),
  REVENUE_ROLES: commaList(
    z.string().toLowerCase().pipe(z.enum(STAFF_ROLES)),
    "must be one or more of staff, manager and owner, separated by commas",
  ).default([...STAFF_ROLES]),
  SHOP_NAME: z.string().max(100, "must have at most 100 characters").default("Xi Pho Coffee"),
  SHOP_TIME_ZONE: z
    .string()
    .refine(isTimeZone, "is not an IANA time zone such as Asia/Ho_Chi_Minh")
    .default("Asia/Ho_Chi_Minh"),
  SHOP_CURRENCY: z.string().toUpperCase().refine(isCurrency, "is not an ISO 4217 currency such as VND").default("VND"),
  SHOP_LOCALE: locale().default("vi-VN"),
  LOG_LEVEL: logLevel().default("info"),
});
export type Environment = z.output<typeof Environment>;
