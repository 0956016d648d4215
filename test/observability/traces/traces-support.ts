/** Runs whose traces go to a receiver on loopback, set up by the variables that an operator sets. */
import { scripted } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";
import { startTraces } from "../../../src/app/traces.ts";
import { loadConfig } from "../../../src/config.ts";
import type { Tracing } from "../../../src/observability/traces/options.ts";
import { openRunTest, type RunTest, type RunTestOptions } from "../../assistant/run-support.ts";
import { type CapturedLog, createCapturedLog } from "../../support/log.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "../../support/otlp-receiver.ts";

export interface TracedTest extends RunTest {
  readonly receiver: OtlpReceiver;
  readonly tracing: Tracing;
  readonly log: CapturedLog;
  /** Stops the tracing, which sends what waits. @returns the received spans in the order of their end. */
  spans(): Promise<readonly ReceivedSpan[]>;
}

/** `env`: besides the endpoint. */
export async function openTracedTest(
  turns: readonly Turn[],
  env: Record<string, string> = {},
  options: RunTestOptions = {},
): Promise<TracedTest> {
  const receiver = await startOtlpReceiver();
  const log = createCapturedLog();
  const tracing = await startTracesTo(receiver.url, env, log);
  const runTest = await openRunTest(scripted(turns), { ...options, tracer: tracing.tracer });
  return {
    ...runTest,
    receiver,
    tracing,
    log,
    async spans() {
      await tracing.stop();
      return receiver.spans;
    },
    async close() {
      await tracing.stop();
      await runTest.close();
      await receiver.close();
    },
  };
}

/** A tracing of its own, as another process has one. */
export function startTracesTo(url: string, env: Record<string, string>, log: CapturedLog): Promise<Tracing> {
  return startTraces(loadConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...env }, "no-such.env"), log.logger);
}

export function spanOf(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name);
  if (found.length !== 1) throw new Error(`${found.length} spans ${name} among ${spans.map((span) => span.name)}`);
  return found[0] as ReceivedSpan;
}
