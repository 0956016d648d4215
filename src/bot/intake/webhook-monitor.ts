/**
 * Looks whether Telegram still brings the updates here, and whether it fares well: whoever else has the token can take the
 * webhook off, and that a certificate has run out, only Telegram sees.
 *
 * It does not fight: what somebody has moved on purpose stays where it is, and the operator is told.
 */
import type { Api } from "grammy";
import type { WebhookInfo } from "grammy/types";
import type { StartupError } from "../../errors.ts";
import type { Logger } from "../../observability/logger.ts";
import { isTokenRefused, reasonOf, refusedTokenError } from "../telegram/call-failure.ts";

export interface WebhookMonitorDeps {
  api: Api;
  /** Where the updates belong. */
  url: string;
  /** Tells Telegram of the webhook. */
  tell(): Promise<void>;
  /** The token was revoked: nothing comes any more, and nothing can be said. */
  onRefused(error: StartupError): void;
  logger: Logger;
}

/** A watch over one webhook. Each look asks Telegram once, and never throws for what Telegram does. */
export function createWebhookMonitor(deps: WebhookMonitorDeps): { look(signal: AbortSignal): Promise<void> } {
  const { api, url, tell, logger } = deps;
  let knownErrorAt: number | undefined;
  const noteErrors = (info: WebhookInfo) => {
    const { last_error_date: errorAt, last_error_message: reason, pending_update_count: waiting } = info;
    if (errorAt === undefined || errorAt === knownErrorAt) return;
    knownErrorAt = errorAt;
    logger.warn({ reason, waiting }, "Telegram could not bring an update to the webhook");
  };
  return {
    async look(signal) {
      let info: WebhookInfo;
      try {
        info = await api.getWebhookInfo(signal as never);
      } catch (error) {
        if (isTokenRefused(error)) return deps.onRefused(refusedTokenError());
        if (!signal.aborted) logger.warn({ reason: reasonOf(error) }, "could not ask Telegram about the webhook");
        return;
      }
      const { url: current = "" } = info;
      if (current === url) return noteErrors(info);
      if (current === "") {
        logger.error("somebody took the webhook off: it is set again. Does another program use this token?");
        return tell();
      }
      logger.error(
        { host: URL.parse(current)?.host },
        "Telegram brings the updates to another address: a program with this token set it. Start this one anew to take it back",
      );
    },
  };
}
