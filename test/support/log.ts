/** A log whose lines a test can read. */
import { Writable } from "node:stream";
import { createLogger, type Logger } from "../../src/observability/logger.ts";

export interface CapturedLog {
  readonly logger: Logger;
  /** All that was written, as it was written. */
  text(): string;
  /** The lines of a log that is not pretty. */
  lines(): Record<string, unknown>[];
}

export function createCapturedLog({
  pretty = false,
  level = "trace",
  clock = () => performance.now(),
} = {}): CapturedLog {
  let written = "";
  const destination = new Writable({
    write(chunk, _encoding, done) {
      written += chunk;
      done();
    },
  });
  return {
    logger: createLogger({ level, pretty, destination, clock }),
    text: () => written,
    lines: () =>
      written
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
  };
}
