/**
 * Webhook mode: Telegram is told the address, again and again until it has heard, and brings the updates to the door.
 *
 * Several processes behind one address tell it the same. Nothing is taken off at a stop: the others serve on, and what
 * comes when nobody does, Telegram keeps for a day.
 */
import { createHmac } from "node:crypto";
import type { Api } from "grammy";
import type { WebhookConfig } from "../../config.ts";
import type { StartupError } from "../../errors.ts";
import type { Logger } from "../../observability/logger.ts";
import { retry } from "../../process/retry.ts";
import { isTokenRefused, reasonOf, refusedTokenError, sleep, TELEGRAM_BACKOFF } from "../telegram/call-failure.ts";
import { ALLOWED_UPDATES, type ProcessUpdate } from "./process-update.ts";
import { createWebhookHandler, type WebhookHandler, type WebhookHandlerOptions } from "./webhook-handler.ts";
import { createWebhookMonitor } from "./webhook-monitor.ts";

export interface Webhook {
  /** The public address, as Telegram is told it. */
  url: string;
  /** What of it this server answers. */
  path: string;
  secret: string;
  door: WebhookHandler;
}

export interface WebhookDeps {
  api: Api;
  webhook: Webhook;
  processUpdate: ProcessUpdate;
  /** The token was refused while running: the process has to end. */
  onRefused(error: StartupError): void;
  logger: Logger;
}

/**
 * Updates that Telegram brings at once, over all processes: enough for the intake pools of three (12 connections each). What
 * finds none waits for one.
 */
const MAX_CONNECTIONS = 40;

/** The webhook of a bot, its door still closed. */
export function createWebhook(
  { url, path, secret }: WebhookConfig,
  token: string,
  options?: WebhookHandlerOptions,
): Webhook {
  const known = secret ?? deriveSecret(token);
  return { url, path, secret: known, door: createWebhookHandler(known, options) };
}

/** How often Telegram is asked whether it still brings the updates here, in milliseconds. */
const WATCH_INTERVAL_MS = 60_000;

/** Opens the door, tells Telegram of it, and sees to it that it stays so. */
export function startWebhook(deps: WebhookDeps): { stop(): Promise<void> } {
  const { door } = deps.webhook;
  const stop = new AbortController();
  door.open(deps.processUpdate);
  const told = keepTold(deps, stop.signal);
  return {
    async stop() {
      stop.abort();
      await Promise.all([door.close(), told]);
    },
  };
}

/** The secret for who configured none: the same in every process with this token, and nobody learns the token from it. */
function deriveSecret(token: string): string {
  return createHmac("sha256", token).update("counterhand webhook secret").digest("base64url");
}

async function keepTold(deps: WebhookDeps, signal: AbortSignal): Promise<void> {
  const { api, logger, onRefused, webhook } = deps;
  const tell = () => tellTelegram(deps, signal);
  const watch = createWebhookMonitor({ api, url: webhook.url, tell, onRefused, logger });
  await tell();
  for (;;) {
    await sleep(WATCH_INTERVAL_MS, signal);
    if (signal.aborted) return;
    await watch.look(signal);
  }
}

async function tellTelegram({ api, webhook, onRefused, logger }: WebhookDeps, signal: AbortSignal): Promise<void> {
  const settings = {
    secret_token: webhook.secret,
    allowed_updates: ALLOWED_UPDATES,
    max_connections: MAX_CONNECTIONS,
  };
  try {
    await retry(() => api.setWebhook(webhook.url, settings, signal as never), {
      ...TELEGRAM_BACKOFF,
      signal,
      isRetryable: (error) => !isTokenRefused(error),
      onRetry: ({ error, failures, waitMs }) =>
        logger.error({ reason: reasonOf(error), failures, waitMs }, "Telegram did not take the webhook: trying again"),
    });
    logger.info({ host: new URL(webhook.url).host }, "Telegram brings updates to the webhook");
  } catch {
    // Only a refused token or the stop ends the retries.
    if (!signal.aborted) onRefused(refusedTokenError());
  }
}
