import { expect, test } from "vitest";
import { forEachYielding } from "../../../src/graphql/live/yielding-loop.ts";

test("the loop yields after each batch, and processes items added meanwhile", async () => {
  const items = new Set([1, 2, 3, 4, 5, 6]);
  const seen: (number | string)[] = [];
  const work = (item: number) => void seen.push(item);

  setImmediate(() => {
    seen.push("other");
    items.add(7);
  });
  await forEachYielding(items, 2, work);

  expect(seen).toEqual([1, 2, "other", 3, 4, 5, 6, 7]);
});
