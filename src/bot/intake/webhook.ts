/**
 * Webhook mode: registers the public address with Telegram, until it succeeds, and receives the updates.
 *
 * Several processes behind one address register the same webhook. A stop does not remove it: the other processes continue,
 * and Telegram keeps undelivered updates for a day.
 */
import { createHmac } from "node:crypto";
import type { Api } from "grammy";
import type { WebhookConfig } from "../../config.ts";
import type { StartupError } from "../../errors.ts";
import type { Logger } from "../../observability/logger.ts";
import { retry } from "../../process/retry.ts";
import { isTokenRefused, reasonOf, refusedTokenError, sleep, TELEGRAM_BACKOFF } from "../telegram/call-failure.ts";
import type { CallSignal } from "../telegram/connection.ts";
import { ALLOWED_UPDATES, type ProcessUpdate } from "./process-update.ts";
import { createWebhookHandler, type WebhookHandler, type WebhookHandlerOptions } from "./webhook-handler.ts";
import { createWebhookMonitor } from "./webhook-monitor.ts";

export interface Webhook {
  /** The public address that is registered with Telegram. */
  url: string;
  /** The path that this server answers. */
  path: string;
  secret: string;
  handler: WebhookHandler;
}

export interface WebhookDeps {
  api: Api;
  webhook: Webhook;
  processUpdate: ProcessUpdate;
  /** Telegram refused the token while running: the process must end. */
  onRefused(error: StartupError): void;
  logger: Logger;
}

/**
 * Concurrent deliveries from Telegram, over all processes: enough for the intake pools of three (12 connections each). More
 * would only wait for a database connection.
 */
const MAX_CONNECTIONS = 40;

/** The webhook of a bot. Its handler refuses updates until {@link startWebhook}. */
export function createWebhook(
  { url, path, secret }: WebhookConfig,
  token: string,
  options?: WebhookHandlerOptions,
): Webhook {
  const ownSecret = secret ?? deriveSecret(token);
  return { url, path, secret: ownSecret, handler: createWebhookHandler(ownSecret, options) };
}

/** How often to check that Telegram still uses this webhook, in milliseconds. */
const MONITOR_INTERVAL_MS = 60_000;

/** Accepts updates, registers the webhook with Telegram, and monitors it. */
export function startWebhook(deps: WebhookDeps): { stop(): Promise<void> } {
  const { handler } = deps.webhook;
  const stop = new AbortController();
  handler.open(deps.processUpdate);
  const registered = keepRegistered(deps, stop.signal);
  return {
    async stop() {
      stop.abort();
      await Promise.all([handler.close(), registered]);
    },
  };
}

/** The default secret: the same in every process with this token, and it does not reveal the token. */
function deriveSecret(token: string): string {
  return createHmac("sha256", token).update("counterhand webhook secret").digest("base64url");
}

async function keepRegistered(deps: WebhookDeps, signal: AbortSignal): Promise<void> {
  const { api, logger, onRefused, webhook } = deps;
  const register = () => registerWebhook(deps, signal);
  const monitor = createWebhookMonitor({ api, url: webhook.url, register, onRefused, logger });
  await register();
  for (;;) {
    await sleep(MONITOR_INTERVAL_MS, signal);
    if (signal.aborted) return;
    await monitor.check(signal);
  }
}

async function registerWebhook({ api, webhook, onRefused, logger }: WebhookDeps, signal: AbortSignal): Promise<void> {
  const settings = {
    secret_token: webhook.secret,
    allowed_updates: ALLOWED_UPDATES,
    max_connections: MAX_CONNECTIONS,
  };
  try {
    await retry(() => api.setWebhook(webhook.url, settings, signal as CallSignal), {
      ...TELEGRAM_BACKOFF,
      signal,
      isRetryable: (error) => !isTokenRefused(error),
      onRetry: ({ error, failures, waitMs }) =>
        logger.error({ reason: reasonOf(error), failures, waitMs }, "could not set the webhook: trying again"),
    });
    logger.info({ host: new URL(webhook.url).host }, "Telegram sends updates to the webhook");
  } catch (error) {
    if (signal.aborted) return;
    if (!isTokenRefused(error)) throw error;
    onRefused(refusedTokenError());
  }
}
