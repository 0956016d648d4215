import { expect, test } from "vitest";
import { WARNING_INTERVAL_MS } from "../../src/observability/log-throttle.ts";
import { createCapturedLog } from "../support/log.ts";

/** A log with a clock that the test controls. */
function openLog() {
  let now = 0;
  const log = createCapturedLog({ clock: () => now });
  const advance = (ms: number) => {
    now += ms;
  };
  return { ...log, advance };
}

test("a repeated warning is written once in ten seconds, with the number of suppressed ones", () => {
  const { logger, advance, lines } = openLog();

  for (let failures = 1; failures <= 1_000; failures++) logger.warn({ failures }, "Telegram did not answer");
  advance(WARNING_INTERVAL_MS - 1);
  logger.warn({ failures: 1_001 }, "Telegram did not answer");
  advance(1);
  logger.warn({ failures: 1_002 }, "Telegram did not answer");
  advance(WARNING_INTERVAL_MS);
  logger.warn({ failures: 1_003 }, "Telegram did not answer");

  expect(lines().map(({ failures, suppressed }) => [failures, suppressed])).toEqual([
    [1, undefined],
    [1_002, 1_000],
    [1_003, undefined],
  ]);
});

test("each phrase is throttled separately", () => {
  const { logger, lines } = openLog();

  for (let round = 0; round < 3; round++) {
    logger.warn("one");
    logger.warn({ round }, "two");
  }

  expect(lines().map(({ msg }) => msg)).toEqual(["one", "two"]);
});

test("the child loggers of a thousand runs share one throttle", () => {
  const { logger, advance, lines } = openLog();

  for (let run = 0; run < 1_000; run++) logger.child({ run }).warn("could not store the text so far");
  advance(WARNING_INTERVAL_MS);
  logger.child({ run: 1_000 }).child({ page: 1 }).warn("could not store the text so far");

  expect(lines()).toMatchObject([{ run: 0 }, { run: 1_000, page: 1, suppressed: 999 }]);
});

test("lines of other levels, errors and fatal ones included, are never suppressed", () => {
  const { logger, lines } = openLog();

  for (let time = 0; time < 3; time++) {
    logger.info("said");
    logger.error({ err: new Error("broken") }, "said");
    logger.fatal("said");
  }

  expect(lines().map(({ level }) => level)).toEqual([30, 50, 60, 30, 50, 60, 30, 50, 60]);
});

test("a warning without a phrase is never suppressed, and an error in place of facts is logged as an error", () => {
  const { logger, advance, lines } = openLog();

  logger.warn({ facts: 1 });
  logger.warn({ facts: 2 });
  for (let time = 0; time < 2; time++) logger.warn(new Error("away"), "no answer");
  advance(WARNING_INTERVAL_MS);
  logger.warn(new Error("still away"), "no answer");

  expect(lines()).toMatchObject([
    { facts: 1 },
    { facts: 2 },
    { err: { message: "away" }, msg: "no answer" },
    { err: { message: "still away" }, msg: "no answer", suppressed: 1 },
  ]);
});

test("a phrase with placeholders counts as one phrase", () => {
  const { logger, lines } = openLog();

  logger.warn("tried %d times", 1);
  logger.warn("tried %d times", 2);

  expect(lines().map(({ msg }) => msg)).toEqual(["tried 1 times"]);
});

test("phrases that are not constant evict the oldest ones, so memory stays bounded", () => {
  const { logger, lines } = openLog();

  logger.warn("the oldest");
  for (let number = 0; number < 1_000; number++) logger.warn(`not constant: ${number}`);
  logger.warn("the oldest");
  logger.warn("not constant: 999");

  expect(lines()).toHaveLength(1_002);
});
