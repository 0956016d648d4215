import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { checkTimeZone, findSameZone } from "../../src/db/check-time-zone.ts";
import { openDatabase } from "../../src/db/open.ts";
import { StartupError } from "../../src/errors.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createCapturedLog } from "../support/log.ts";

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());

test("a time zone that the database knows is taken, under its old name too", async () => {
  await checkTimeZone(store.db, "Asia/Ho_Chi_Minh");
  await checkTimeZone(store.db, "US/Eastern");
});

test("a time zone that the database does not know is refused in one sentence", async () => {
  const check = checkTimeZone(store.db, "Asia/Nowhere");

  await expect(check).rejects.toThrow(StartupError);
  await expect(check).rejects.toThrow(
    "The database does not know the time zone Asia/Nowhere: set SHOP_TIME_ZONE to a name that it knows (SELECT name FROM pg_timezone_names), or install tzdata-legacy on its machine.",
  );
});

test.each([
  ["CET", "Europe/Brussels"],
  ["EET", "Europe/Athens"],
])("%s, which has no summer time in PostgreSQL, is refused with the name %s", async (zone, name) => {
  await expect(checkTimeZone(store.db, zone)).rejects.toThrow(
    `The database takes the time zone ${zone} for another one: set SHOP_TIME_ZONE to ${name}.`,
  );
});

test("each start asks", async () => {
  const { socketDir, user } = inject("testServer");
  const config = loadConfig({ DATABASE_URL: `postgres://${user}@/${store.name}?host=${socketDir}` }, "no-file");
  const opening = openDatabase(
    { ...config, shop: { ...config.shop, timeZone: "Asia/Nowhere" } },
    createCapturedLog().logger,
  );

  await expect(opening).rejects.toThrow("does not know the time zone Asia/Nowhere");
});

test("the other name of the same zone is found among those that the database knows", () => {
  expect(findSameZone("Asia/Saigon", ["Factory", "Asia/Bangkok", "Asia/Ho_Chi_Minh"])).toBe("Asia/Ho_Chi_Minh");
  expect(findSameZone("US/Eastern", ["America/Detroit", "America/New_York"])).toBe("America/New_York");
  expect(findSameZone("Asia/Saigon", ["Asia/Bangkok"])).toBeUndefined();
});
