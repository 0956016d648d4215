import { expect, test } from "vitest";
import { createConflictBackoff } from "../../../src/bot/intake/conflict-backoff.ts";

test("who meets another poller waits longer each time, up to a minute, and says so once", () => {
  const conflicts = createConflictBackoff(() => 0);

  const met = Array.from({ length: 7 }, () => conflicts.met("poller"));

  expect(met.map(({ waitMs }) => waitMs)).toEqual([3_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000]);
  expect(met.map(({ isNew }) => isNew)).toEqual([true, ...Array(6).fill(false)]);
});

test("a success soon after a conflict is only a turn in the fight; after two minutes of peace it is over", () => {
  let now = 0;
  const conflicts = createConflictBackoff(() => now);
  conflicts.met("poller");

  now = 119_000;
  const soon = conflicts.polled();
  const again = conflicts.met("poller");
  now += 120_000;
  const late = conflicts.polled();
  const anew = conflicts.met("poller");

  expect([soon, late]).toEqual([false, true]);
  expect(again).toEqual({ waitMs: 6_000, isNew: false });
  expect(anew).toEqual({ waitMs: 3_000, isNew: true });
});

test("of another poller and of another's webhook the operator hears once each, and the waits grow over both", () => {
  const conflicts = createConflictBackoff(() => 0);

  const met = (["poller", "webhook", "poller", "webhook"] as const).map((rival) => conflicts.met(rival));

  expect(met.map(({ isNew }) => isNew)).toEqual([true, true, false, false]);
  expect(met.map(({ waitMs }) => waitMs)).toEqual([3_000, 6_000, 12_000, 24_000]);
});

test("without a conflict there is none to be over", () => {
  expect(createConflictBackoff(() => 1_000_000).polled()).toBe(false);
});
