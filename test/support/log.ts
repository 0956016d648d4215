/** A logger whose output a test can read. */
import { Writable } from "node:stream";
import { createLogger, type Logger } from "../../src/observability/logger.ts";

export interface CapturedLog {
  readonly logger: Logger;
  /** The complete output. */
  text(): string;
  /** The lines as JSON. Only for a log that is not pretty. */
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
