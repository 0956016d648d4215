/**
 * Checks that Telegram still delivers to this webhook, and reports delivery errors. Any program with the token can remove the
 * webhook, and only Telegram sees an expired certificate.
 *
 * A webhook that was moved to another address stays there; that is logged.
 */
import type { Api } from "grammy";
import type { WebhookInfo } from "grammy/types";
import type { StartupError } from "../../errors.ts";
import type { Logger } from "../../observability/logger.ts";
import { isTokenRefused, reasonOf, refusedTokenError } from "../telegram/call-failure.ts";
import type { CallSignal } from "../telegram/connection.ts";

export interface WebhookMonitorDeps {
  api: Api;
  /** The address of this webhook. */
  url: string;
  /** Registers the webhook with Telegram. */
  register(): Promise<void>;
  /** The token was revoked: the bot can neither receive nor send. */
  onRefused(error: StartupError): void;
  logger: Logger;
}

/** Each check makes one call to Telegram and never rejects because of Telegram. */
export function createWebhookMonitor(deps: WebhookMonitorDeps): { check(signal: AbortSignal): Promise<void> } {
  const { api, url, register, logger } = deps;
  let reportedErrorAt: number | undefined;
  const reportErrors = (info: WebhookInfo) => {
    const { last_error_date: errorAt, last_error_message: reason, pending_update_count: waiting } = info;
    if (errorAt === undefined || errorAt === reportedErrorAt) return;
    reportedErrorAt = errorAt;
    logger.warn({ reason, waiting }, "Telegram could not deliver an update to the webhook");
  };
  return {
    async check(signal) {
      let info: WebhookInfo;
      try {
        info = await api.getWebhookInfo(signal as CallSignal);
      } catch (error) {
        if (isTokenRefused(error)) return deps.onRefused(refusedTokenError());
        if (!signal.aborted) logger.warn({ reason: reasonOf(error) }, "could not ask Telegram about the webhook");
        return;
      }
      const { url: current = "" } = info;
      if (current === url) return reportErrors(info);
      if (current === "") {
        logger.error("the webhook was removed: setting it again. Does another program use this token?");
        return register();
      }
      logger.error(
        { host: URL.parse(current)?.host },
        "Telegram sends the updates to another address, which a program with this token set. Restart this process to take them back",
      );
    },
  };
}
