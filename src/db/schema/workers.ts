/** The processes that work on one database: which of them live, and which one polls. */
import { index, integer, pgSequence, snakeCase } from "drizzle-orm/pg-core";
import { instant, telegramId } from "./columns.ts";

/** Numbers the workers of all processes; each holds an advisory lock on its number while it lives. */
export const workerIds = pgSequence("worker_ids", { maxValue: 2_147_483_647, cycle: true });

/** Workers by their numbers. One lives while it holds its lock and its lease lasts; once it has run out, it never lives again. */
export const workers = snakeCase.table(
  "workers",
  {
    id: integer().primaryKey(),
    /** Telegram's id of the bot for whose chats it works; null for a terminal. */
    botId: telegramId(),
    startedAt: instant().notNull().defaultNow(),
    leaseUntil: instant().notNull(),
  },
  (t) => [index("workers_of_bot").on(t.botId, t.leaseUntil)],
);

/** Real bots that have started on this database: from then on its people and figures are real, and no place for a sandbox. */
export const realBots = snakeCase.table("real_bots", {
  id: telegramId().primaryKey(),
  firstStartedAt: instant().notNull().defaultNow(),
});

/** Which worker fetches the updates of a bot. */
export const pollers = snakeCase.table("pollers", {
  botId: telegramId().primaryKey(),
  workerId: integer().notNull(),
});
