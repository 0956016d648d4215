import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase({ poolSize: 2 });
});
afterEach(() => store.close());

test("a pool reports how many connections are in use, and how many callers wait for one", async () => {
  const { db, database } = store;
  const gate = database.openSession("gate");
  await gate`select pg_advisory_lock(1)`;
  const before = database.poolUse();

  const asking = [1, 2, 3].map(async () => await db.execute(sql`select pg_advisory_lock_shared(1)`));
  await expect.poll(database.poolUse).toEqual({ size: 2, inUse: 2, waiting: 1 });
  await gate`select pg_advisory_unlock(1)`;
  await Promise.all(asking);

  expect(before).toEqual({ size: 2, inUse: 0, waiting: 0 });
  expect(database.poolUse()).toEqual({ size: 2, inUse: 0, waiting: 0 });
  await gate.end();
});
