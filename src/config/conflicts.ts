/**
 * Variables that are valid alone and not together, and webhook URLs that Telegram or this server could not serve.
 *
 * Reads the variables before they are parsed, so that one start reports these faults together with all others.
 */
import { z } from "zod";

export type Variables = Record<string, string | undefined>;

/** The faults as pairs of a variable and what is wrong with it. */
export function findConflicts(variables: Variables): [variable: string, message: string][] {
  const found: [string, string][] = [];
  const webhookFault = findWebhookFault(variables);
  if (webhookFault) found.push(["TELEGRAM_WEBHOOK_URL", webhookFault]);
  if (variables.TELEGRAM_BOT_TOKEN && isOn(variables.SANDBOX)) {
    found.push([
      "SANDBOX",
      "is on, but TELEGRAM_BOT_TOKEN is set, and the sandbox does not use Telegram: unset one of the two",
    ]);
  }
  const hasModel = variables.OPENAI_API_KEY || variables.OPENAI_BASE_URL;
  if (variables.TELEGRAM_BOT_TOKEN && !hasModel && !isOn(variables.ALLOW_SCRIPTED_MODEL)) {
    found.push([
      "OPENAI_API_KEY",
      "is missing, but TELEGRAM_BOT_TOKEN is set: real people would talk to a script. Set OPENAI_API_KEY, or OPENAI_BASE_URL for a local server, or ALLOW_SCRIPTED_MODEL=1 to allow this",
    ]);
  }
  const keyFault = findKeyFault(variables);
  if (keyFault) found.push(["OPENAI_API_KEY", keyFault]);
  return found;
}

/** What the pages of servers that need no key tell people to write: any text does there, and none of these at OpenAI. */
const PLACEHOLDER =
  /^(empty|none|null|dummy|ollama|lm-studio|not-needed|no-key-required|sk-(no-key-required|[x.]+|\d{4}))$/i;
const MIN_KEY_LENGTH = 8;

function findKeyFault({ OPENAI_API_KEY: key = "", OPENAI_BASE_URL }: Variables): string | undefined {
  if (key === "" || OPENAI_BASE_URL) return undefined;
  const mend = "give OpenAI's key, or set OPENAI_BASE_URL as well for a server of your own";
  if (PLACEHOLDER.test(key)) return `is a placeholder: ${mend}`;
  return key.length < MIN_KEY_LENGTH ? `is too short for an API key: ${mend}` : undefined;
}

function isOn(value: string | undefined): boolean {
  return z.stringbool().safeParse(value).data === true;
}

const RESERVED_PATHS = /^\/(healthz|metrics|graphql|sandbox)(\/|$)/;
/** "" is the default port of https, 443. */
const WEBHOOK_PORTS = ["", "80", "88", "8443"];

function findWebhookFault({ TELEGRAM_WEBHOOK_URL, TELEGRAM_API_ROOT }: Variables): string | undefined {
  const url = URL.parse(TELEGRAM_WEBHOOK_URL ?? "");
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  const { pathname, protocol, port } = url;
  if (RESERVED_PATHS.test(pathname)) return `must have another path: this server uses ${pathname} itself`;
  // A local Bot API server has neither of the next two rules.
  if (TELEGRAM_API_ROOT && URL.parse(TELEGRAM_API_ROOT)?.hostname !== "api.telegram.org") return undefined;
  if (protocol !== "https:") return "must be an https:// URL";
  return WEBHOOK_PORTS.includes(port)
    ? undefined
    : "must have port 443, 80, 88 or 8443: Telegram sends webhooks to no other port";
}
