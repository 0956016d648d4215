/** Receives the updates of one bot, by long polling or by webhook, and deletes the keys of old ones. */
import { Api, type Transformer } from "grammy";
import { clientOptions, type TelegramAccess } from "../telegram/connection.ts";
import { type PollingDeps, startPolling } from "./polling.ts";
import { createProcessUpdate, type ProcessUpdateDeps } from "./process-update.ts";
import { startUpdateRetention } from "./update-retention.ts";
import { startWebhook, type Webhook } from "./webhook.ts";

export interface IntakeDeps extends Omit<PollingDeps, "processUpdate">, ProcessUpdateDeps {
  /** For calls with the usual timeout. Long polling gets a client of its own. */
  api: Api;
  telegram: TelegramAccess;
  /** Null: updates are polled. */
  webhook: Webhook | null;
  /** For the client of long polling. */
  transformers: Transformer[];
}

export interface Intake {
  /** The worker id is no longer valid: another process may be polling. */
  endSession(): void;
  /** Receives no more updates; settles when the received ones are committed. */
  stop(): Promise<void>;
}

/** Longer than a long poll of 30 s. */
const POLL_TIMEOUT_SECONDS = 45;

export function startIntake(deps: IntakeDeps): Intake {
  const source = startSource(deps);
  const retention = startUpdateRetention({ db: deps.database.db, logger: deps.logger });
  return {
    endSession: () => source.endSession?.(),
    async stop() {
      await Promise.all([source.stop(), retention.stop()]);
    },
  };
}

function startSource(deps: IntakeDeps): { endSession?(): void; stop(): Promise<void> } {
  const { telegram, transformers, webhook } = deps;
  const processUpdate = createProcessUpdate(deps);
  if (webhook) return startWebhook({ ...deps, webhook, processUpdate });
  const api = new Api(telegram.token, clientOptions(telegram, POLL_TIMEOUT_SECONDS));
  api.config.use(...transformers);
  return startPolling({ ...deps, api, processUpdate });
}
