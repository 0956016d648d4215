/**
 * Posts spans to a collector, as OTLP over HTTP.
 *
 * Our own, not `OTLPTraceExporter`: that one reads the environment itself, repeats a failed request for ten seconds that
 * hold up the end of a command, and does not say what a collector answered. Here a request is made once. Spans that a
 * collector could not take are sent again with the next ones.
 */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Logger } from "../logger.ts";
import type { ExporterOptions } from "./options.ts";

export interface OtlpExporter extends SpanExporter {
  /** Gives up the requests under way, and waits for their end. */
  abort(): Promise<void>;
}

/** Spans that are kept for the next request, newest first to stay. It bounds the memory while a collector is away. */
const MAX_KEPT_SPANS = 512;

/** Statuses with which a collector asks for the same spans again, by the specification of OTLP. */
const RETRYABLE: readonly number[] = [429, 502, 503, 504];

const compress = promisify(gzip);

/** Never rejects and never reports a failure to the SDK: each failure is a warning in `logger`. */
export function createOtlpExporter(options: ExporterOptions, logger: Logger): OtlpExporter {
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  let kept: ReadableSpan[] = [];

  const send = async (spans: ReadableSpan[]) => {
    try {
      const status = await post(spans, options, stopping.signal);
      if (status >= 200 && status < 300) return;
      if (RETRYABLE.includes(status)) kept = [...spans, ...kept].slice(-MAX_KEPT_SPANS);
      warn({ status, spans: spans.length }, adviceFor(status));
    } catch (error) {
      kept = [...spans, ...kept].slice(-MAX_KEPT_SPANS);
      const reason = reasonOf(error);
      warn({ reason, spans: spans.length }, /CERT|SIGNATURE/.test(reason) ? NOT_TRUSTED : UNREACHABLE);
    }
  };
  const warn = (facts: object, phrase: string) => logger.warn({ endpoint: shown(options.endpoint), ...facts }, phrase);
  const whenDone = async () => {
    await Promise.all(underWay);
  };

  return {
    export(spans, done) {
      const sending = send([...kept, ...spans]).finally(() => {
        underWay.delete(sending);
        done({ code: 0 });
      });
      kept = [];
      underWay.add(sending);
    },
    forceFlush: whenDone,
    shutdown: whenDone,
    abort() {
      stopping.abort();
      return whenDone();
    },
  };
}

/** @returns the status of the response. @throws when there is none in time. */
async function post(spans: ReadableSpan[], options: ExporterOptions, stopping: AbortSignal): Promise<number> {
  const request = ProtobufTraceSerializer.serializeRequest(spans) ?? new Uint8Array();
  const isZipped = options.compression === "gzip";
  const { status, body } = await fetch(options.endpoint, {
    method: "POST",
    headers: {
      ...withoutOwn(options.headers),
      "content-type": "application/x-protobuf",
      ...(isZipped ? { "content-encoding": "gzip" } : {}),
    },
    body: isZipped ? await compress(request) : new Uint8Array(request),
    // The headers, mostly a key, are for this address only.
    redirect: "manual",
    signal: AbortSignal.any([AbortSignal.timeout(options.timeoutMs), stopping]),
  });
  await body?.cancel();
  return status;
}

/** Headers of a request that only its sender knows. Some pages list them among the others. */
const OWN_HEADERS = /^(content-(type|encoding|length)|transfer-encoding|connection|keep-alive|upgrade|host|expect)$/i;

function withoutOwn(headers: ExporterOptions["headers"]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_HEADERS.test(name)));
}

const NOT_TRUSTED =
  "traces were not sent: the collector's certificate is not accepted. Name its authority's file in NODE_EXTRA_CA_CERTS, in the environment and not in .env, or correct its name or date";
const UNREACHABLE =
  "traces were not sent: check OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, and that a collector takes OTLP over HTTP there (port 4318, not 4317)";

/** The log limits repeated phrases, so each is constant. */
function adviceFor(status: number): string {
  if (status === 401 || status === 403) {
    return "the collector refuses the traces: check OTEL_EXPORTER_OTLP_HEADERS, or OTEL_EXPORTER_OTLP_TRACES_HEADERS, which replaces it";
  }
  if (status < 400 || status === 404 || status === 405) {
    return "there is no collector at this address: check OTEL_EXPORTER_OTLP_ENDPOINT, to which /v1/traces is added, or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, to which nothing is";
  }
  if (RETRYABLE.includes(status)) return "the collector takes no traces now: they are sent again with the next ones";
  return "the collector refuses the traces: its log may say why";
}

/** Without the query, which may hold a key. */
function shown(endpoint: string): string {
  const { origin, pathname } = new URL(endpoint);
  return origin + pathname;
}

function reasonOf(error: unknown): string {
  const { cause, name } = error as Error & { cause?: { code?: unknown } };
  return typeof cause?.code === "string" ? cause.code : name;
}
