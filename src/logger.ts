/**
 * The log: pino, JSON lines, readable where a person watches. Facts as fields, a constant phrase.
 *
 * Never a message's text, a token or a key: those names are redacted should they slip in, and Telegram's addresses,
 * which hold the bot's token, are cut from error messages.
 */
import { type Logger, pino, stdSerializers } from "pino";
import pretty from "pino-pretty";

export type { Logger } from "pino";

const REDACTED = [
  "token",
  "apiKey",
  "authorization",
  "text",
  "secret",
  "password",
  "*.token",
  "*.apiKey",
  "*.authorization",
  "*.text",
  "*.secret",
  "*.password",
];
const BOT_TOKEN_IN_TEXT = /\d{6,}:[\w-]{30,}/g;
const PASSWORD_IN_ADDRESS = /(\w+:\/\/[^\s:/@]*):[^\s/@]*@/g;

/** A logger on standard output; `pretty` where a person watches. */
export function createLogger(options: { level: string; pretty: boolean }): Logger {
  const settings = {
    level: options.level,
    base: null,
    redact: { paths: REDACTED, censor: "[redacted]" },
    serializers: { err: serializeError },
  };
  if (!options.pretty) return pino(settings);
  return pino(settings, pretty({ sync: true, translateTime: "SYS:HH:MM:ss", ignore: "pid,hostname" }));
}

/** A text without bot tokens and passwords: error messages of HTTP clients quote addresses that hold them. */
export function withoutSecrets(text: string): string {
  return text.replace(BOT_TOKEN_IN_TEXT, "[token]").replace(PASSWORD_IN_ADDRESS, "$1:[password]@");
}

function serializeError(error: Error): object {
  const { type, message, stack, code } = stdSerializers.err(error) as {
    type: string;
    message: string;
    stack: string;
    code?: unknown;
  };
  return {
    type,
    message: withoutSecrets(message),
    stack: withoutSecrets(stack),
    ...(code === undefined ? {} : { code }),
  };
}
