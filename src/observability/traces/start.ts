/** Starts the traces, if they are on. Only then is OpenTelemetry loaded. */
import type { Logger } from "../logger.ts";
import type { Tracing, TracingOptions } from "./options.ts";

/** `options`: null when traces are off. */
export async function startTracing(options: TracingOptions | null, logger: Logger): Promise<Tracing> {
  if (!options) return { stop: async () => undefined };
  const { openTracing } = await import("./tracing.ts");
  return openTracing(options, logger);
}
