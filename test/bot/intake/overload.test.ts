import { expect, test } from "vitest";
import { createOverload } from "../../../src/bot/intake/overload.ts";

test("thirty updates within a second are a rush, for as long as they keep coming like that", () => {
  let now = 0;
  const rush = createOverload(() => now);
  const isOn = Array.from({ length: 40 }, () => {
    now += 20;
    rush.note();
    return rush.isOn();
  });

  now += 400;
  const stillOn = rush.isOn();
  now += 200;

  expect(isOn).toEqual([...Array(29).fill(false), ...Array(11).fill(true)]);
  expect(stillOn).toBe(true);
  expect(rush.isOn()).toBe(false);
});

test("a busy day is no rush", () => {
  let now = 0;
  const rush = createOverload(() => now);
  for (let count = 0; count < 1_000; count++) {
    now += 40;
    rush.note();
  }

  expect(rush.isOn()).toBe(false);
});
