/**
 * A collector on loopback: it takes OTLP over HTTP as protobuf, and decodes the spans. It refuses what a real one refuses:
 * another method, another path, another type, and bytes that are not the message (opentelemetry-proto 1.x).
 */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty for a root. */
  parentSpanId: string;
  name: string;
  /** `INTERNAL` 1, `CLIENT` 3. */
  kind: number;
  durationMs: number;
  attributes: Record<string, unknown>;
  /** `code` 2 is an error. */
  status: { code: number; message: string };
  /** Attributes of the resource. */
  resource: Record<string, unknown>;
}

export interface OtlpReceiver {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  /** The headers of each request that was accepted. */
  readonly requests: readonly IncomingHttpHeaders[];
  readonly spans: readonly ReceivedSpan[];
  /** The status of all further answers; 0 for none at all. */
  answerWith(status: number, headers?: Record<string, string>): void;
  close(): Promise<void>;
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const requests: IncomingHttpHeaders[] = [];
  const spans: ReceivedSpan[] = [];
  let answer: { status: number; headers: Record<string, string> } = { status: 200, headers: {} };
  const server = createServer(async (request, response) => {
    if (answer.status === 0) return;
    const fault = faultOf(request);
    if (fault !== null || answer.status !== 200) return send(response, fault ?? answer.status, answer.headers);
    const body = await buffer(request);
    requests.push(request.headers);
    spans.push(...decodeRequest(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body));
    return send(response, 200, {});
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans,
    answerWith(status, headers = {}) {
      answer = { status, headers };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function faultOf({ method, url, headers }: IncomingMessage): number | null {
  if (url?.split("?")[0] !== "/v1/traces") return 404;
  if (method !== "POST") return 405;
  return headers["content-type"] === "application/x-protobuf" ? null : 415;
}

function send(response: ServerResponse, status: number, headers: Record<string, string>): void {
  response.writeHead(status, { "content-type": "application/x-protobuf", ...headers }).end();
}

/** The values of a message's fields, by number: integers, and bytes for everything else. */
type Fields = Map<number, (bigint | Buffer)[]>;

function decodeRequest(bytes: Buffer): ReceivedSpan[] {
  return messages(fieldsOf(bytes), 1).flatMap((resourceSpans) => {
    const [resource = new Map() as Fields] = messages(resourceSpans, 1);
    const attributes = attributesOf(resource, 1);
    const scopes = messages(resourceSpans, 2);
    return scopes.flatMap((scope) => messages(scope, 2).map((span) => toSpan(span, attributes)));
  });
}

function toSpan(span: Fields, resource: Record<string, unknown>): ReceivedSpan {
  const [status = new Map() as Fields] = messages(span, 15);
  const [startedAt, endedAt] = [integer(span, 7), integer(span, 8)];
  if (startedAt === 0n || endedAt < startedAt) throw new Error("a span without its times");
  return {
    traceId: hex(span, 1, 16),
    spanId: hex(span, 2, 8),
    parentSpanId: span.has(4) ? hex(span, 4, 8) : "",
    name: text(span, 5),
    kind: Number(integer(span, 6)),
    durationMs: Number(endedAt - startedAt) / 1e6,
    attributes: attributesOf(span, 9),
    status: { code: Number(integer(status, 3)), message: text(status, 2) },
    resource,
  };
}

function attributesOf(fields: Fields, number: number): Record<string, unknown> {
  const pairs = messages(fields, number).map((pair) => [text(pair, 1), readValue(messages(pair, 2)[0])] as const);
  return Object.fromEntries(pairs);
}

function readValue(value: Fields | undefined): unknown {
  const [[kind, [content]] = [0, []]] = [...(value ?? [])] as [number, (bigint | Buffer)[]][];
  if (kind === 1) return String(content);
  if (kind === 2) return content === 1n;
  if (kind === 3) return Number(content);
  if (kind === 4) return (content as Buffer).readDoubleLE();
  if (kind === 5) return messages(fieldsOf(content as Buffer), 1).map(readValue);
  throw new Error(`an attribute of kind ${kind}`);
}

/** Reads the wire format: varints, 8 and 4 bytes, and bytes with a length. */
function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    at += length;
    if (at > bytes.length) throw new Error("the message ends within a field");
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const readers: Record<number, () => bigint | Buffer> = {
      0: varint,
      1: () => take(8),
      2: () => take(Number(varint())),
      5: () => take(4),
    };
    const read = readers[tag & 7];
    if (!read) throw new Error(`wire type ${tag & 7}`);
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), read()]);
  }
  return fields;
}

function messages(fields: Fields, number: number): Fields[] {
  return (fields.get(number) ?? []).map((value) => fieldsOf(value as Buffer));
}

function text(fields: Fields, number: number): string {
  return String(fields.get(number)?.[0] ?? "");
}

function integer(fields: Fields, number: number): bigint {
  const [value = 0n] = fields.get(number) ?? [];
  return typeof value === "bigint" ? value : value.readBigUInt64LE();
}

function hex(fields: Fields, number: number, length: number): string {
  const [value] = fields.get(number) ?? [];
  if (!Buffer.isBuffer(value) || value.length !== length) throw new Error(`an id that has not ${length} bytes`);
  return value.toString("hex");
}
