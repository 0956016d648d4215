/** Access to the pool's client beneath a Drizzle transaction, for what Drizzle does not offer. */
import { PostgresJsSession } from "drizzle-orm/postgres-js";
import type { Db } from "../client.ts";
import type { TransactionClient } from "./transaction.ts";

/** The argument of a callback of `db.transaction`. */
export type Transaction = Parameters<Parameters<Db["transaction"]>[0]>[0];

export function driverOf(tx: Transaction): TransactionClient {
  const { session } = tx._;
  if (!(session instanceof PostgresJsSession)) throw new TypeError("not a transaction of the pool");
  return session.client as unknown as TransactionClient;
}

/**
 * Lets every further statement of the transaction take any time, also to wait for locks. A lost server is still detected
 * within about the pool's usual time for an answer: another connection asks for this one's process.
 */
export async function disableTimeouts(tx: Transaction): Promise<void> {
  await driverOf(tx).disableTimeouts();
}
