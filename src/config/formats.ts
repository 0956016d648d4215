/** The formats that variables have in common, as zod schemas, and the names that `Intl` knows. */
import { z } from "zod";

/** An http:// or https:// URL, without slashes at its end. */
export function webUrl() {
  return z
    .url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" })
    .transform((url) => url.replace(/\/+$/, ""));
}

/** Ends of addresses that people copy from a request: the client adds them itself. */
const ENDPOINT = /(\/responses|(?<=\/v1)\/(chat\/completions|completions|chat|models)|\/chat\/completions)$/i;
/** Ollama's own API, which is not OpenAI's. */
const OLLAMA_API = /(:11434\/api|\/api\/(chat|generate|tags))$/;

/**
 * The address of a model's server up to `/v1`. An address without a path gets it, because all servers that are known have
 * their API there, and their pages give the address both ways. A server with its API at the root is given by a whole
 * address, such as `https://host/responses`.
 */
export function modelServerUrl() {
  return webUrl()
    .refine(
      (url) => !OLLAMA_API.test(url),
      "must be the address of an API like OpenAI's: for Ollama http://HOST:11434/v1",
    )
    .refine((url) => {
      const { username, password } = new URL(url);
      return username + password === "";
    }, "must have no user and no password: the key belongs into OPENAI_API_KEY")
    .refine((url) => {
      const { search, hash } = new URL(url);
      return search + hash === "";
    }, "must end before its ? or #: a query, such as Azure's api-version, is not supported")
    .transform((url) => {
      const { origin, pathname } = new URL(url);
      if (pathname === "/") return `${origin}/v1`;
      return origin + pathname.replace(ENDPOINT, "").replace(/(\/v1)+$/i, "/v1");
    });
}

/** An address or a name of this machine. */
export function hostName() {
  return z
    .string()
    .transform((host) =>
      host
        .replace(/^\[(.*)\]$/, "$1")
        .replace(/^localhost$/i, "127.0.0.1")
        .replace(/^\*$/, "0.0.0.0"),
    )
    .refine(
      (host) => !/[/\s]|^[^:]+:\d*$/.test(host),
      "must be only an address or a name, such as 0.0.0.0: the port belongs into PORT",
    );
}

/** 0 to 65535. Docker sets `tcp://address:port` for a linked container that is called "port". */
export function portNumber() {
  const port = wholeNumber(0, 65_535);
  return z
    .string()
    .refine((text) => !text.includes(":"), "must be only the number of the port: the address belongs into HOST")
    .pipe(port);
}

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
/** What other programs call them. */
const OTHER_LEVELS = new Map([
  ["critical", "fatal"],
  ["err", "error"],
  ["warning", "warn"],
  ["off", "silent"],
  ["none", "silent"],
]);

/** One of pino's levels, in any case. */
export function logLevel() {
  return z
    .string()
    .toLowerCase()
    .transform((level) => OTHER_LEVELS.get(level) ?? level)
    .pipe(z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(", ")}`));
}

/** A locale that this Node knows, as BCP 47 writes it. The form of POSIX is read too: `vi_VN.UTF-8`. */
export function locale() {
  return z
    .string()
    .transform((name) => name.replace(/[.@].*$/, "").replaceAll("_", "-"))
    .refine(isLocale, "is not a BCP 47 locale such as vi-VN")
    .transform((tag) => Intl.getCanonicalLocales(tag)[0] ?? tag);
}

/** Decimal digits only, from `min` to `max`. */
export function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .trim()
    .regex(/^\d+$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

/** One or more items, separated by commas, semicolons or spaces. Any number of bad items is one fault with this `message`. */
export function commaList<Value>(item: z.ZodType<Value, string>, message: string) {
  const items = z.array(item).min(1);
  return z.string().transform((text, context) => {
    const parts = text.split(/[\s,;]+/);
    const parsed = items.safeParse(parts.filter(Boolean));
    if (parsed.success) return parsed.data;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

/** `key=value` pairs, separated by commas; values are percent-decoded, as in OpenTelemetry's variables. */
export function keyValueList(message: string) {
  return z.string().transform((text, context) => {
    const parts = text.split(",").map((part) => part.trim());
    const pairs = parts.filter(Boolean).map((part) => /^([^=]*[^=\s])\s*=\s*(.*)$/.exec(part)?.slice(1) ?? []);
    const decoded = pairs.map(([key, value]) => [key, decodePercent(value)] as const);
    if (decoded.every(([key, value]) => key !== undefined && value !== undefined)) {
      return Object.fromEntries(decoded) as Record<string, string>;
    }
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

function decodePercent(text: string | undefined): string | undefined {
  return text !== undefined && isAccepted(() => decodeURIComponent(text)) ? decodeURIComponent(text) : undefined;
}

/** Whether a request may have this header. */
export function isHttpHeader([name, value]: readonly [string, string]): boolean {
  return isAccepted(() => new Headers([[name, value]]));
}

/** Whether times can be reckoned in it. `Intl` takes names too that only mean something in a text, such as `IST`. */
export function isTimeZone(name: string): boolean {
  return isAccepted(() => Temporal.Now.zonedDateTimeISO(name)) && !/^[+-]/.test(name);
}

export function isCurrency(code: string): boolean {
  return /^[A-Z]{3}$/.test(code) && Intl.supportedValuesOf("currency").includes(code);
}

function isLocale(tag: string): boolean {
  return isAccepted(() => Intl.getCanonicalLocales(tag)) && Intl.NumberFormat.supportedLocalesOf(tag).length > 0;
}

function isAccepted(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    // Intl and Temporal reject an unknown name, decodeURIComponent a wrong code, and Headers a wrong character; they throw nothing else.
    return false;
  }
}
