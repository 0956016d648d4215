/**
 * The tracer, made of OpenTelemetry's SDK.
 *
 * Nothing global is registered: two products in one process, as in a test, have traces of their own. Only this folder knows
 * the SDK, and `start.ts` loads it only when traces are on.
 */
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { waitUpTo } from "../../process/timeout.ts";
import type { Logger } from "../logger.ts";
import { createOtlpExporter, type OtlpExporter } from "./exporter.ts";
import type { Tracing, TracingOptions } from "./options.ts";
import { createAttemptTrace } from "./spans.ts";

/** Spans that wait to be sent; further ones are dropped. One request has at most a quarter of them. */
const MAX_WAITING_SPANS = 1_024;

/** How long a stop waits for the spans that are not sent yet, in milliseconds. */
const FLUSH_LIMIT_MS = 2_000;

export function openTracing(options: TracingOptions, logger: Logger): Tracing {
  const exporter = createOtlpExporter(options, logger);
  const ids = createIds();
  const provider = createProvider(options, exporter, ids);
  const tracer = provider.getTracer("counterhand");
  return {
    tracer: {
      startAttempt(run) {
        ids.nextTraceOf(run.id);
        return createAttemptTrace(tracer, run, options);
      },
    },
    async stop() {
      await waitUpTo(FLUSH_LIMIT_MS, provider.shutdown());
      await exporter.abort();
    },
  };
}

function createProvider(options: TracingOptions, exporter: OtlpExporter, idGenerator: IdGenerator): TracerProvider {
  const { resourceAttributes, sampleRatio, serviceName, timeoutMs } = options;
  const resource = resourceFromAttributes({ ...resourceAttributes, "service.name": serviceName });
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: MAX_WAITING_SPANS,
    maxExportBatchSize: MAX_WAITING_SPANS / 4,
    // The exporter has the time limit. This one of the SDK never expires.
    exportTimeoutMillis: timeoutMs + 10_000,
  });
  return new TracerProvider({
    idGenerator,
    resource: defaultResource().merge(resource),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [processor],
  });
}

/** A trace has the id of its run, so each worker that takes the run over continues the same trace. */
function createIds(): IdGenerator & { nextTraceOf(runId: string): void } {
  const random = new RandomIdGenerator();
  let traceId = random.generateTraceId();
  return {
    nextTraceOf(runId) {
      traceId = runId.replaceAll("-", "");
    },
    generateTraceId: () => traceId,
    generateSpanId: () => random.generateSpanId(),
  };
}
