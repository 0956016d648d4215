/** Saves the rate windows of the chats, so that the next process that sends there continues from them. */
import type { Db } from "../../db/client.ts";
import { saveChatWindows } from "../../db/queries/chat/chat-windows.ts";
import type { Logger } from "../../observability/logger.ts";
import type { SendBudget } from "./send-budget.ts";

export interface RateWindowStoreDeps {
  db: Db;
  botId: number;
  budget: SendBudget;
  workerId(): number;
  logger: Logger;
}

export interface RateWindowStore {
  /** Saves the last changes and stops. */
  stop(): Promise<void>;
}

/** One statement for all chats. Telegram allows some 15 calls in that time. */
const SAVE_INTERVAL_MS = 500;

/** Starts saving. */
export function createRateWindowStore({ db, botId, budget, workerId, logger }: RateWindowStoreDeps): RateWindowStore {
  let saving: Promise<void> = Promise.resolve();
  const save = async () => {
    const windows = budget.takeChanged();
    if (windows.length === 0) return;
    await saveChatWindows(db, { botId, workerId: workerId() }, windows).catch((error: unknown) =>
      // At worst this causes a 429 for the next process in the chat.
      logger.warn({ err: error }, "could not save the rate windows of the chats"),
    );
  };
  const timer = setInterval(() => {
    saving = saving.then(save);
  }, SAVE_INTERVAL_MS);
  return {
    async stop() {
      clearInterval(timer);
      await saving;
      await save();
    },
  };
}
