/** The way to Telegram: its address, the proxy, time limits, and who the bot is there. */
import { Api, type ApiClientOptions } from "grammy";
import type { UserFromGetMe } from "grammy/types";
import { HttpsProxyAgent } from "https-proxy-agent";
import { SocksProxyAgent } from "socks-proxy-agent";
import { StartupError } from "../../errors.ts";
import { retry } from "../../process/retry.ts";
import { isRefusal, reasonOf, refusedToken, TELEGRAM_BACKOFF } from "./call-failure.ts";

export interface TelegramAccess {
  token: string;
  apiRoot: string;
  proxy: string | null;
  /** Calls a second over all chats; Telegram's 30 unless told. */
  callsPerSecond?: number;
}

/** Longest wait for one call, in seconds; grammY's default is 500. */
export const CALL_TIMEOUT_SECONDS = 15;
const CONNECT_TRIES = 3;
/** What Telegram may ask to wait at start, in milliseconds; for longer the operator is told instead. */
const LONGEST_CONNECT_WAIT_MS = 60_000;

/** What grammY's client needs to know. */
export function clientOptions({ apiRoot, proxy }: TelegramAccess, timeoutSeconds: number): ApiClientOptions {
  if (proxy === null) return { apiRoot, timeoutSeconds };
  // Kept, as without a proxy: a new way through it for every edit would cost several round trips each.
  const options = { keepAlive: true };
  const agent = proxy.startsWith("socks") ? new SocksProxyAgent(proxy, options) : new HttpsProxyAgent(proxy, options);
  return { apiRoot, timeoutSeconds, baseFetchConfig: { agent, compress: true } };
}

/** Asks Telegram who the bot is. @throws {StartupError} when it refuses the token or cannot be reached. */
export async function askWhoIAm(telegram: TelegramAccess): Promise<UserFromGetMe> {
  const api = new Api(telegram.token, clientOptions(telegram, CALL_TIMEOUT_SECONDS));
  try {
    return await retry(() => api.getMe(), {
      ...TELEGRAM_BACKOFF,
      maxTries: CONNECT_TRIES,
      maxAskedMs: LONGEST_CONNECT_WAIT_MS,
      isRetryable: (error) => !isRefusal(error),
    });
  } catch (error) {
    throw isRefusal(error) ? refusedToken() : unreachable(telegram, reasonOf(error));
  }
}

function unreachable({ apiRoot, proxy }: TelegramAccess, reason: string): StartupError {
  const way =
    proxy === null
      ? "Where Telegram is blocked, set TELEGRAM_PROXY to an HTTP or SOCKS proxy."
      : "The way goes through TELEGRAM_PROXY: is the proxy up?";
  return new StartupError(`Cannot reach Telegram at ${apiRoot}: ${reason}. ${way}`);
}
