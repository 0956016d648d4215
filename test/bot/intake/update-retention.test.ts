import { asc, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startUpdateRetention } from "../../../src/bot/intake/update-retention.ts";
import { deleteOldUpdates } from "../../../src/db/queries/chat/updates-seen.ts";
import { updatesSeen } from "../../../src/db/schema/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createCapturedLog } from "../../support/log.ts";

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.close());

test("update keys are deleted after a week, and not before", async () => {
  await seen({ from: 1, to: 3, age: "7 days 1 minute" });
  await seen({ from: 4, to: 5, age: "6 days 23 hours" });

  const count = await deleteOldUpdates(database.db);

  expect(count).toBe(3);
  expect(await remaining()).toEqual([4, 5]);
});

test("any number of old keys is deleted, also by two processes at once", async () => {
  await seen({ from: 1, to: 4_500, age: "30 days" });

  const counts = await Promise.all([deleteOldUpdates(database.db), deleteOldUpdates(database.db)]);

  expect(counts.reduce((sum, count) => sum + count)).toBe(4_500);
  expect(await remaining()).toEqual([]);
});

test("a failure of the database is only logged", async () => {
  const log = createCapturedLog();
  await database.db.execute(sql`alter table updates_seen rename to elsewhere`);

  await startUpdateRetention({ db: database.db, logger: log.logger }).stop();

  expect(log.lines().map(({ msg }) => msg)).toEqual(["could not delete old updates"]);
});

async function seen({ from, to, age }: { from: number; to: number; age: string }): Promise<void> {
  await database.db.execute(sql`insert into updates_seen (bot_id, update_id, seen_at)
    select 1, number, now() - ${age}::interval from generate_series(${from}::bigint, ${to}::bigint) as number`);
}

async function remaining(): Promise<number[]> {
  const rows = await database.db
    .select({ id: updatesSeen.updateId })
    .from(updatesSeen)
    .orderBy(asc(updatesSeen.updateId));
  return rows.map(({ id }) => id);
}
