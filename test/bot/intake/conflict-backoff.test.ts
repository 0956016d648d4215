import { expect, test } from "vitest";
import { createConflictBackoff } from "../../../src/bot/intake/conflict-backoff.ts";

test("conflicts with another poller are reported once, and each pause is longer, up to a minute", () => {
  const conflicts = createConflictBackoff(() => 0);

  const conflictsMet = Array.from({ length: 7 }, () => conflicts.recordConflict("poller"));

  expect(conflictsMet.map(({ waitMs }) => waitMs)).toEqual([3_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000]);
  expect(conflictsMet.map(({ isNew }) => isNew)).toEqual([true, ...Array(6).fill(false)]);
});

test("a success soon after a conflict does not end it; after two minutes without one it is over", () => {
  let now = 0;
  const conflicts = createConflictBackoff(() => now);
  conflicts.recordConflict("poller");

  now = 119_000;
  const soon = conflicts.recordSuccess();
  const again = conflicts.recordConflict("poller");
  now += 120_000;
  const late = conflicts.recordSuccess();
  const anew = conflicts.recordConflict("poller");

  expect([soon, late]).toEqual([false, true]);
  expect(again).toEqual({ waitMs: 6_000, isNew: false });
  expect(anew).toEqual({ waitMs: 3_000, isNew: true });
});

test("another poller and another webhook are reported once each, and share one growing backoff", () => {
  const conflicts = createConflictBackoff(() => 0);

  const conflictsMet = (["poller", "webhook", "poller", "webhook"] as const).map((source) =>
    conflicts.recordConflict(source),
  );

  expect(conflictsMet.map(({ isNew }) => isNew)).toEqual([true, true, false, false]);
  expect(conflictsMet.map(({ waitMs }) => waitMs)).toEqual([3_000, 6_000, 12_000, 24_000]);
});

test("without a conflict, a success ends none", () => {
  expect(createConflictBackoff(() => 1_000_000).recordSuccess()).toBe(false);
});
