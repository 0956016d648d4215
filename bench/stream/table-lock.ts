/** Holds the product's table of goods, so that a tool call that reads it takes as long as a case wants. */
import { openSession } from "../../src/db/client.ts";

/**
 * Locks `products` in the embedded database of this folder until the returned function is called.
 *
 * Only readers feel it: the tools. Nothing that a message's way goes through touches the table.
 */
export async function lockProducts(dataDir: string): Promise<() => Promise<void>> {
  // As open.ts and embedded-lease.ts name them; the folder of the benchmark is short enough to hold the socket.
  const session = openSession({ socketDir: dataDir, user: "postgres", database: "counterhand" }, "benchmark");
  await session`begin`;
  await session`lock table products in access exclusive mode`;
  return async () => {
    await session`rollback`;
    await session.end();
  };
}
