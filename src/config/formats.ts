/** The formats that variables have in common, as zod schemas, and the names that `Intl` knows. */
import { z } from "zod";

/** An http:// or https:// URL, without slashes at its end. */
export function webUrl() {
  return z
    .url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" })
    .transform((url) => url.replace(/\/+$/, ""));
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

/** One or more items, separated by commas. Any number of bad items is one fault with this `message`. */
export function commaList<Value>(item: z.ZodType<Value, string>, message: string) {
  const items = z.array(item).min(1);
  return z.string().transform((text, context) => {
    const parts = text.split(",").map((part) => part.trim());
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

export function isTimeZone(name: string): boolean {
  return isAccepted(() => new Intl.DateTimeFormat("en", { timeZone: name })) && !/^[+-]/.test(name);
}

export function isCurrency(code: string): boolean {
  return /^[A-Z]{3}$/.test(code) && Intl.supportedValuesOf("currency").includes(code);
}

export function isLocale(tag: string): boolean {
  return isAccepted(() => Intl.getCanonicalLocales(tag));
}

function isAccepted(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    // Intl rejects an unknown name, decodeURIComponent a wrong code, and Headers a wrong character; they throw nothing else.
    return false;
  }
}
