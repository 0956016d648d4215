/**
 * The log: pino, JSON lines, readable where a person watches. Facts as fields, a constant phrase.
 *
 * Never a message's text, a token or a key: fields with such names are blotted out should they slip in, queries come without
 * their parameters, and whatever looks like a secret (Telegram's addresses hold the bot's token) is cut from each line.
 * A warning that repeats itself is written once in ten seconds, see `calm-warnings.ts`.
 */
import { type LogFn, type Logger, type LoggerOptions as PinoOptions, pino } from "pino";
import pretty from "pino-pretty";
import { createLogThrottle } from "./log-throttle.ts";

export type { Logger } from "pino";

const SECRET_FIELDS = ["token", "apiKey", "adminToken", "authorization", "text", "secret", "password"];
const REDACTED = SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/**
 * What secrets look like in a text. None of these ever takes a quote, so that a line of JSON stays one; and none begins in the
 * middle of a word, or a line of one long word would take minutes.
 */
const SECRETS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/(?<!\d)\d{6,}:[\w-]{30,}/g, "[token]"],
  [/\bch_[\w-]{43,}/g, "[token]"],
  [/\bsk-[\w-]{16,}/g, "[key]"],
  [/((?<!\w)\w+:\/\/[^\s:/@"]*):[^\s/"]*@/g, "$1:[password]@"],
];

/** How many causes of an error are told. One may be its own cause. */
const MAX_CAUSES = 4;

export interface LoggerOptions {
  /** A pino level. */
  level: string;
  /** For a person who watches, instead of JSON. */
  pretty: boolean;
  /** Standard output when left out. */
  destination?: NodeJS.WritableStream;
  /** Milliseconds that never go back, for the pauses between like warnings; the real ones when left out. */
  clock?: () => number;
}

/** A logger that never lets a secret out. */
export function createLogger({ level, pretty: isPretty, destination, clock }: LoggerOptions): Logger {
  const settings: PinoOptions = {
    level,
    base: null,
    redact: { paths: REDACTED, censor: "[redacted]" },
    serializers: { err: (error: unknown) => serializeError(error, MAX_CAUSES) },
    hooks: { streamWrite: withoutSecrets, logMethod: calmly(clock ?? (() => performance.now())) },
  };
  // pino's own standard output is written at once: nothing is lost when the process ends with an error.
  const target = destination === undefined ? {} : { destination };
  if (isPretty)
    return pino(settings, pretty({ sync: true, translateTime: "SYS:HH:MM:ss", ignore: "pid,hostname", ...target }));
  return destination === undefined ? pino(settings) : pino(settings, destination);
}

/** Child loggers have the hooks of their parent, and with them what it remembers. */
function calmly(clock: () => number) {
  const warnings = createLogThrottle(clock);
  return function logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn, level: number): void {
    const passed = level === pino.levels.values.warn ? warnings.pass(args) : args;
    if (passed) method.apply(this, passed);
  };
}

/** A text without tokens, keys and passwords: error messages of HTTP clients quote addresses that hold them. */
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

/** Drizzle's message of a failed query ends with the parameters: what people wrote. */
function messageOf(error: Error): string {
  return "query" in error && "params" in error ? `Failed query: ${error.query}` : error.message;
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}
