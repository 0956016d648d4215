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

test("the age of a write is the age of its oldest text", () => {
  const { added, rendered, accepted, advance } = open();

  added();
  advance(400);
  added();
  rendered();
  advance(80);

  expect(accepted()).toBe(480);
});

test("text that arrives while a write is in flight belongs to the next one", () => {
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

test("text of a failed write still waits and keeps its age", () => {
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

test("a write without new text, such as one that removes the button, has no age", () => {
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
