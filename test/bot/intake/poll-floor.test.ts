import { expect, test } from "vitest";
import { createPollFloor } from "../../../src/bot/intake/poll-floor.ts";

test("polls that bring nothing begin at least a second apart", () => {
  const floor = createPollFloor();

  expect(floor.recordPoll(0, 5)).toBe(995);
  expect(floor.recordPoll(0, 400)).toBe(600);
  expect(floor.recordPoll(0, 30_000)).toBe(0);
});

test("new updates delay nothing, however fast they come", () => {
  const floor = createPollFloor();

  expect([11, 12, 40].map((next) => floor.recordPoll(next, 0))).toEqual([0, 0, 0]);
});

test("updates that came before are nothing new, also when they change in turn", () => {
  const floor = createPollFloor();

  expect([12, 13, 12, 13].map((next) => floor.recordPoll(next, 0))).toEqual([0, 0, 1_000, 1_000]);
});
