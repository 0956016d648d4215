/**
 * The log: pino writes JSON lines, or readable lines for a person at a terminal. Facts are fields, the phrase is constant.
 *
 * A line never contains a message's text, a token or a key. Fields with such names are redacted, failed queries are logged
 * without their parameters, and anything that looks like a secret (Telegram's URLs contain the bot's token) is cut from each
 * line. `log-throttle.ts` limits repeated warnings.
 */
import { type LogFn, type Logger, type LoggerOptions as PinoOptions, pino } from "pino";
import pretty from "pino-pretty";
import { createLogThrottle } from "./log-throttle.ts";

export type { Logger } from "pino";

const SECRET_FIELDS = ["token", "apiKey", "adminToken", "authorization", "text", "secret", "password"];
const REDACTED = SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/**
 * How to find secrets in a text. No pattern matches a quote, so a JSON line stays valid. None starts within a word: on a line
 * of one long word that would take minutes.
 */
const SECRETS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/(?<!\d)\d{6,}:[\w-]{30,}/g, "[token]"],
  [/\bch_[\w-]{43,}/g, "[token]"],
  [/\bsk-[\w-]{16,}/g, "[key]"],
  [/((?<!\w)\w+:\/\/[^\s:/@"]*):[^\s/"]*@/g, "$1:[password]@"],
];

/** How many causes of an error are logged. An error may be its own cause. */
const MAX_CAUSES = 4;

export interface LoggerOptions {
  /** A pino level. */
  level: string;
  /** Readable lines for a terminal instead of JSON. */
  pretty: boolean;
  /** Standard output when left out. */
  destination?: NodeJS.WritableStream;
  /** Milliseconds that never go back, for the throttling of warnings; the process's clock when left out. */
  clock?: () => number;
}

/** A logger that redacts secrets. */
export function createLogger({ level, pretty: isPretty, destination, clock }: LoggerOptions): Logger {
  const settings: PinoOptions = {
    level,
    base: null,
    redact: { paths: REDACTED, censor: "[redacted]" },
    serializers: { err: (error: unknown) => serializeError(error, MAX_CAUSES) },
    hooks: { streamWrite: withoutSecrets, logMethod: throttleWarnings(clock ?? (() => performance.now())) },
  };
  // pino writes to its default standard output synchronously: nothing is lost when the process ends with an error.
  const target = destination === undefined ? {} : { destination };
  if (isPretty)
    return pino(settings, pretty({ sync: true, translateTime: "SYS:HH:MM:ss", ignore: "pid,hostname", ...target }));
  return destination === undefined ? pino(settings) : pino(settings, destination);
}

/** Child loggers share the hooks of their parent, and with them this throttle. */
function throttleWarnings(clock: () => number) {
  const throttle = createLogThrottle(clock);
  return function logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn, level: number): void {
    const written = level === pino.levels.values.warn ? throttle.throttle(args) : args;
    if (written) method.apply(this, written);
  };
}

/** The text without tokens, keys and passwords: error messages of HTTP clients quote URLs that contain them. */
export function withoutSecrets(text: string): string {
  return SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text);
}

function serializeError(error: unknown, causes: number): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { cause, code = codeOf(cause) } = error as Error & { code?: unknown };
  return {
    type: error.constructor.name,
    message: messageOf(error),
    stack: error.stack?.match(/^ {4}at .*$/gm)?.join("\n"),
    ...(code === undefined ? {} : { code }),
    ...(cause === undefined || causes === 0 ? {} : { cause: serializeError(cause, causes - 1) }),
  };
}

/** Drizzle's message of a failed query ends with the parameters, which contain what people wrote. */
function messageOf(error: Error): string {
  return "query" in error && "params" in error ? `Failed query: ${error.query}` : error.message;
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}
