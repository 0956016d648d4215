/** Locks the product's table `products`, so that a tool call takes as long as a case needs. */
import { openSession } from "../../src/db/client.ts";

/**
 * Locks `products` in the embedded database of this folder until the returned function is called.
 *
 * Only tools read this table; the processing of messages is not affected.
 */
export async function lockProducts(dataDir: string): Promise<() => Promise<void>> {
  // User and database are named as in the product. The folder's path is short enough for the socket.
  const session = openSession({ socketDir: dataDir, user: "postgres", database: "counterhand" }, "benchmark");
  await session`begin`;
  await session`lock table products in access exclusive mode`;
  return async () => {
    await session`rollback`;
    await session.end();
  };
}
