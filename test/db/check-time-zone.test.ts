import { afterAll, beforeAll, expect, test } from "vitest";
import { checkTimeZone, findSameZone } from "../../src/db/check-time-zone.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());

test("a time zone that the database knows passes, and another one is refused with what to do", async () => {
  await checkTimeZone(store.db, "Asia/Ho_Chi_Minh");

  await expect(checkTimeZone(store.db, "Asia/Nowhere")).rejects.toThrow(
    "The database does not know the time zone Asia/Nowhere: install the package tzdata-legacy on its machine.",
  );
});

test("of the names that the database has, the one of the same zone is found", () => {
  const names = ["Asia/Bangkok", "Factory", "Asia/Ho_Chi_Minh", "America/New_York"];

  expect(findSameZone(names, "Asia/Saigon")).toBe("Asia/Ho_Chi_Minh");
  expect(findSameZone(names, "US/Eastern")).toBe("America/New_York");
  expect(findSameZone(names, "Asia/Tokyo")).toBeUndefined();
});
