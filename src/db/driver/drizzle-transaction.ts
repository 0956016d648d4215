/** What lies beneath Drizzle's transaction: for what Drizzle has no word for. */
import { PostgresJsSession } from "drizzle-orm/postgres-js";
import type { Db } from "../client.ts";
import type { TransactionClient } from "./transaction.ts";

/** What `db.transaction` gives. */
export type Transaction = Parameters<Parameters<Db["transaction"]>[0]>[0];

/** The pool's own client of a transaction. */
export function driverOf(tx: Transaction): TransactionClient {
  const { session } = tx._;
  if (!(session instanceof PostgresJsSession)) throw new TypeError("not a transaction of the pool");
  return session.client as unknown as TransactionClient;
}

/**
 * Lets every further statement of the transaction take any time, and wait for locks as long. A server that is gone is noticed
 * within about the pool's usual limit for an answer all the same: another connection asks for this one's process.
 */
export async function liftTimeLimits(tx: Transaction): Promise<void> {
  await driverOf(tx).liftTimeLimits();
}
