/** The connection to Telegram: address, proxy, timeouts, and the bot's own account. */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Api, type ApiClientOptions } from "grammy";
import type { UserFromGetMe } from "grammy/types";
import { HttpsProxyAgent } from "https-proxy-agent";
import { SocksProxyAgent } from "socks-proxy-agent";
import { StartupError } from "../../errors.ts";
import { retry } from "../../process/retry.ts";
import { isTokenRefused, reasonOf, refusedTokenError, TELEGRAM_BACKOFF } from "./call-failure.ts";
import { markNeverConnected } from "./never-connected.ts";

export interface TelegramAccess {
  token: string;
  apiRoot: string;
  proxy: string | null;
  /** Calls a second over all chats. Default: Telegram's 30. */
  callsPerSecond?: number;
}

/** The signal of a call in grammY's types. They know only that of the package `abort-controller`; Node's own works as well. */
export type CallSignal = NonNullable<Parameters<Api["getMe"]>[0]>;

/** Timeout of one call in seconds; grammY's default is 500. */
export const CALL_TIMEOUT_SECONDS = 15;
const CONNECT_TRIES = 3;
/** The longest wait that Telegram may ask for at start, in milliseconds. If it asks for more, the start fails. */
const LONGEST_CONNECT_WAIT_MS = 60_000;

/** The options of grammY's client. */
export function clientOptions({ apiRoot, proxy }: TelegramAccess, timeoutSeconds: number): ApiClientOptions {
  const agent = markNeverConnected(createAgent(apiRoot, proxy));
  return { apiRoot, timeoutSeconds, baseFetchConfig: { agent, compress: true } };
}

/** Keep-alive: a new connection for every edit would cost several round trips. */
function createAgent(apiRoot: string, proxy: string | null): HttpAgent {
  const options = { keepAlive: true };
  if (proxy === null) return apiRoot.startsWith("https:") ? new HttpsAgent(options) : new HttpAgent(options);
  return proxy.startsWith("socks") ? new SocksProxyAgent(proxy, options) : new HttpsProxyAgent(proxy, options);
}

/** Reads the bot's own account. @throws {StartupError} if Telegram refuses the token or cannot be reached. */
export async function fetchBotInfo(telegram: TelegramAccess): Promise<UserFromGetMe> {
  const api = new Api(telegram.token, clientOptions(telegram, CALL_TIMEOUT_SECONDS));
  try {
    return await retry(() => api.getMe(), {
      ...TELEGRAM_BACKOFF,
      maxTries: CONNECT_TRIES,
      maxAskedMs: LONGEST_CONNECT_WAIT_MS,
      isRetryable: (error) => !isTokenRefused(error),
    });
  } catch (error) {
    throw isTokenRefused(error) ? refusedTokenError() : unreachable(telegram, reasonOf(error));
  }
}

function unreachable(access: TelegramAccess, reason: string): StartupError {
  return new StartupError(`Cannot reach Telegram at ${access.apiRoot}: ${reason}. ${hintFor(access, reason)}`);
}

function hintFor({ proxy }: TelegramAccess, reason: string): string {
  if (/invalid json|another form/.test(reason)) {
    return "What answers there is no Bot API server: correct TELEGRAM_API_ROOT, or look for a login page in between.";
  }
  if (proxy === null) return "Where Telegram is blocked, set TELEGRAM_PROXY to an HTTP or SOCKS proxy.";
  if (/^socks[45]:/.test(proxy) && /ENOTFOUND|EAI_AGAIN/.test(reason)) {
    return "With socks5h:// in TELEGRAM_PROXY, the proxy looks the name up.";
  }
  return "The connection goes through TELEGRAM_PROXY: is the proxy running?";
}
