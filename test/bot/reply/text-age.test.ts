import { expect, test } from "vitest";
import { createTextAge } from "../../../src/bot/reply/text-age.ts";

function open() {
  let now = 1_000;
  const age = createTextAge(() => now);
  const advance = (ms: number) => {
    now += ms;
  };
  return { ...age, advance };
}

test("a write is as old as the oldest text that it brings", () => {
  const { added, rendered, accepted, advance } = open();

  added();
  advance(400);
  added();
  rendered();
  advance(80);

  expect(accepted()).toBe(480);
});

test("text that comes while a write is on its way belongs to the next one", () => {
  const { added, rendered, accepted, advance } = open();
  added();
  rendered();
  advance(10);
  added();
  advance(70);

  const first = accepted();
  advance(500);
  rendered();
  advance(80);

  expect([first, accepted()]).toEqual([80, 650]);
});

test("text of a write that failed still waits, and is as old as it is", () => {
  const { added, rendered, accepted, failed, advance } = open();
  added();
  rendered();
  advance(1_000);
  added();

  failed();
  advance(500);
  rendered();

  expect(accepted()).toBe(1_500);
});

test("a write that brings no new text, such as one that takes the button away, has no age", () => {
  const { added, rendered, accepted, failed, advance } = open();
  added();
  rendered();
  accepted();
  advance(1_000);

  rendered();
  const withoutText = accepted();
  rendered();
  failed();
  added();
  advance(5);
  rendered();

  expect([withoutText, accepted()]).toEqual([null, 5]);
});
