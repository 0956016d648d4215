/** The processes that work on one database: which of them are alive, and which one polls. */
import { index, integer, pgSequence, snakeCase } from "drizzle-orm/pg-core";
import { instant, telegramId } from "./columns.ts";

/** Numbers the workers of all processes. Each worker holds an advisory lock on its number while it is alive. */
export const workerIds = pgSequence("worker_ids", { maxValue: 2_147_483_647, cycle: true });

/** Workers by number. A worker is alive while it holds its lock and its lease is valid. An expired lease is never renewed. */
export const workers = snakeCase.table(
  "workers",
  {
    id: integer().primaryKey(),
    /** Telegram's id of the bot whose chats it serves; null for a terminal. */
    botId: telegramId(),
    startedAt: instant().notNull().defaultNow(),
    leaseUntil: instant().notNull(),
  },
  (t) => [index("workers_of_bot").on(t.botId, t.leaseUntil)],
);

/** Real bots that have started on this database. From then on its people and figures are real, and no sandbox may use it. */
export const realBots = snakeCase.table("real_bots", {
  id: telegramId().primaryKey(),
  firstStartedAt: instant().notNull().defaultNow(),
});

/** Which worker polls for the updates of a bot. */
export const pollers = snakeCase.table("pollers", {
  botId: telegramId().primaryKey(),
  workerId: integer().notNull(),
});
