/** Collectors that are away, refuse, or never answer: no run notices, and the log says what to check. */
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { says } from "../../../sandbox/model/script.ts";
import { createCapturedLog } from "../../support/log.ts";
import { startOtlpReceiver } from "../../support/otlp-receiver.ts";
import { OWN_CERTIFICATE } from "../../support/own-certificate.ts";
import { openTracedTest, startTracesTo, type TracedTest } from "./traces-support.ts";

let traced: TracedTest | undefined;
afterEach(async () => {
  await traced?.close();
  traced = undefined;
});

async function open(env?: Record<string, string>) {
  traced = await openTracedTest([says("All good.")], env);
  return traced;
}

/** The warnings of a log, without what depends on the time. */
function warningsIn({ log }: TracedTest): object[] {
  return log.lines().map(({ level, time, ...line }) => line);
}

test.each([
  [
    401,
    "the collector refuses the traces: check OTEL_EXPORTER_OTLP_HEADERS, or OTEL_EXPORTER_OTLP_TRACES_HEADERS, which replaces it",
  ],
  [
    404,
    "there is no collector at this address: check OTEL_EXPORTER_OTLP_ENDPOINT, to which /v1/traces is added, or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, to which nothing is",
  ],
  [413, "the collector refuses the traces: its log may say why"],
  [500, "the collector refuses the traces: its log may say why"],
  [503, "the collector takes no traces now: they are sent again with the next ones"],
])("a collector that answers %i costs one warning", async (status, msg) => {
  const opened = await open({ OTEL_EXPORTER_OTLP_HEADERS: "authorization=a-secret" });
  opened.receiver.answerWith(status);

  const { run } = await opened.answer("go");
  await opened.tracing.stop();

  expect(run.status).toBe("completed");
  expect(warningsIn(opened)).toEqual([{ endpoint: `${opened.receiver.url}/v1/traces`, status, spans: 2, msg }]);
});

test("a collector that is away costs one warning, which names the address without the key in it", async () => {
  const { url, close } = await closedServer();
  const opened = await open({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces?key=a-secret` });
  await close();

  const { run } = await opened.answer("go");
  await opened.tracing.stop();

  expect(run.status).toBe("completed");
  expect(warningsIn(opened)).toEqual([
    {
      endpoint: `${url}/v1/traces`,
      reason: "ECONNREFUSED",
      spans: 2,
      msg: "traces were not sent: check OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, and that a collector takes OTLP over HTTP there (port 4318, not 4317)",
    },
  ]);
});

test("a collector whose authority nobody knows costs one warning, which names NODE_EXTRA_CA_CERTS", async () => {
  const server = createTlsServer(OWN_CERTIFICATE, (_, response) => response.end());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
  const opened = await open({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url });

  await opened.answer("go");
  await opened.tracing.stop();
  await new Promise((resolve) => server.close(resolve));

  expect(warningsIn(opened)).toEqual([
    {
      endpoint: url,
      reason: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      spans: 2,
      msg: "traces were not sent: the collector's certificate is not accepted. Name its authority's file in NODE_EXTRA_CA_CERTS, in the environment and not in .env, or correct its name or date",
    },
  ]);
});

test("a collector that never answers holds up neither the run nor the stop", async () => {
  const opened = await open();
  opened.receiver.answerWith(0);

  const { run } = await opened.answer("go");
  await opened.tracing.stop();

  expect(run.status).toBe("completed");
  expect(warningsIn(opened)).toMatchObject([{ reason: "AbortError", spans: 2 }]);
});

test("a request has the time limit of the operator", async () => {
  const opened = await open({ OTEL_EXPORTER_OTLP_TIMEOUT: "50" });
  opened.receiver.answerWith(0);

  await opened.answer("go");
  await opened.tracing.stop();

  expect(warningsIn(opened)).toMatchObject([{ reason: "TimeoutError", spans: 2 }]);
});

test("a redirect is not followed: the headers, mostly a key, are for the collector only", async () => {
  const elsewhere = await openTracedTest([]);
  const opened = await open({ OTEL_EXPORTER_OTLP_HEADERS: "x-api-key=a-secret" });
  opened.receiver.answerWith(307, { location: `${elsewhere.receiver.url}/v1/traces` });

  await opened.answer("go");
  await opened.tracing.stop();

  expect(elsewhere.receiver.requests).toEqual([]);
  expect(warningsIn(opened)).toMatchObject([{ status: 307, spans: 2 }]);
  await elsewhere.close();
});

const COMPLETED = { status: "completed", errorCode: null, errorMessage: null } as const;

test("spans that a collector cannot take now are sent with the next ones, the newest 512", async () => {
  const receiver = await startOtlpReceiver();
  let nowMs = 0;
  const clock = () => {
    // A minute passes between two lines: no warning is suppressed.
    nowMs += 60_000;
    return nowMs;
  };
  const log = createCapturedLog({ clock });
  const { tracer, stop } = await startTracesTo(receiver.url, {}, log);
  const runIdOf = (n: number) => `01a2304f-2b04-776f-8215-${String(n).padStart(12, "0")}`;
  const trace = (n: number) => {
    const run = { id: runIdOf(n), threadId: runIdOf(n), attempt: 1, queuedMs: 0 };
    tracer?.startAttempt(run).runEnded({ outcome: COMPLETED, text: "" });
  };
  receiver.answerWith(503);

  // Three requests, for which nobody has to wait: each is full.
  for (let n = 1; n <= 3 * 256; n += 1) trace(n);
  await expect.poll(() => log.lines().map(({ spans }) => spans)).toEqual([256, 512, 768]);
  receiver.answerWith(200);
  trace(769);
  await stop();

  const received = receiver.spans.map(({ attributes }) => attributes["counterhand.run.id"]);
  expect(received).toEqual(Array.from({ length: 513 }, (_, index) => runIdOf(257 + index)));
  await receiver.close();
});

/** The address of a server that `close` ends. */
async function closedServer() {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

test.each([
  "Content-Type=application/x-protobuf,api-key=k",
  "content-length=5",
  "Transfer-Encoding=chunked",
  "Expect=x",
  "Keep-Alive=timeout=5,Upgrade=h2c",
])("headers that only the sender of a request knows are left out: %s", async (OTEL_EXPORTER_OTLP_HEADERS) => {
  const opened = await open({ OTEL_EXPORTER_OTLP_HEADERS });

  await opened.answer("go");

  expect(await opened.spans()).toHaveLength(2);
});
