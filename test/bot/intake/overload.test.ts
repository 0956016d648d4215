import { expect, test } from "vitest";
import { createOverload } from "../../../src/bot/intake/overload.ts";

test("thirty updates within a second are an overload, until they slow down", () => {
  let now = 0;
  const overload = createOverload(() => now);
  const isOverloaded = Array.from({ length: 40 }, () => {
    now += 20;
    overload.recordUpdate();
    return overload.isOverloaded();
  });

  now += 400;
  const isStillOverloaded = overload.isOverloaded();
  now += 200;

  expect(isOverloaded).toEqual([...Array(29).fill(false), ...Array(11).fill(true)]);
  expect(isStillOverloaded).toBe(true);
  expect(overload.isOverloaded()).toBe(false);
});

test("a busy day is no overload", () => {
  let now = 0;
  const overload = createOverload(() => now);
  for (let count = 0; count < 1_000; count++) {
    now += 40;
    overload.recordUpdate();
  }

  expect(overload.isOverloaded()).toBe(false);
});
