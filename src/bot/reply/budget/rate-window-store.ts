/** Notes what was sent in each chat lately, so that the next process that sends there begins where this one ended. */
import type { Db } from "../../../db/client.ts";
import { saveChatWindows } from "../../../db/queries/chat/chat-windows.ts";
import type { Logger } from "../../../observability/logger.ts";
import type { SendBudget } from "./send-budget.ts";

export interface RateWindowStoreDeps {
  db: Db;
  botId: number;
  budget: SendBudget;
  workerId(): number;
  logger: Logger;
}

export interface RateWindowStore {
  /** Notes what is new, once more, and ends. */
  stop(): Promise<void>;
}

/** One statement for all chats; Telegram allows some 15 calls in that time. */
const NOTE_INTERVAL_MS = 500;

/** Begins to note. */
export function createRateWindowStore({ db, botId, budget, workerId, logger }: RateWindowStoreDeps): RateWindowStore {
  let noting: Promise<void> = Promise.resolve();
  const note = async () => {
    const windows = budget.takeChanged();
    if (windows.length === 0) return;
    await saveChatWindows(db, { botId, workerId: workerId() }, windows).catch((error: unknown) =>
      // Worth a 429 at worst, in a process that goes on in that chat.
      logger.warn({ err: error }, "could not note what was sent to the chats"),
    );
  };
  const timer = setInterval(() => {
    noting = noting.then(note);
  }, NOTE_INTERVAL_MS);
  return {
    async stop() {
      clearInterval(timer);
      await noting;
      await note();
    },
  };
}
