/** OpenTelemetry's variables, as settings. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../../src/config.ts";
import { StartupError } from "../../../src/errors.ts";

const ON = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

const tracesOf = (env: Record<string, string>) => loadConfig(env, "no-such.env").traces;

/** The lines of the error below its first. */
function faultsOf(env: Record<string, string>): string[] {
  try {
    tracesOf(env);
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    return error.message.split("\n  ").slice(1);
  }
  throw new Error("the configuration was accepted and should have been rejected");
}

test("an endpoint switches traces on, and all else has its default", () => {
  expect(tracesOf(ON)).toEqual({
    endpoint: "http://collector:4318/v1/traces",
    headers: {},
    timeoutMs: 10_000,
    compression: "none",
    sampleRatio: 1,
    serviceName: "counterhand",
    resourceAttributes: {},
    capturesContent: false,
  });
});

test.each<[string, Record<string, string>]>([
  ["no variable is set", {}],
  ["only variables are set that switch nothing on", { OTEL_SDK_DISABLED: "0", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }],
  ["the SDK is disabled", { ...ON, OTEL_SDK_DISABLED: "TRUE" }],
  ["there is no exporter", { ...ON, OTEL_TRACES_EXPORTER: "none", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }],
  ["nothing is sampled", { ...ON, OTEL_TRACES_SAMPLER: "always_off" }],
  ["no part is sampled", { ...ON, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" }],
])("traces are off when %s", (_, env) => {
  expect(tracesOf(env)).toBeNull();
});

test.each([
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/", "http://collector:4318/v1/traces"],
  [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "https://eu.example.com/api/public/otel",
    "https://eu.example.com/api/public/otel/v1/traces",
  ],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "https://eu.example.com/otel?k=v", "https://eu.example.com/otel/v1/traces?k=v"],
  ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector/own/path", "http://collector/own/path"],
  ["OTEL_TRACES_EXPORTER", "otlp", "http://localhost:4318/v1/traces"],
])("%s=%s posts to %s", (name, value, endpoint) => {
  expect(tracesOf({ [name]: value })?.endpoint).toBe(endpoint);
});

test("each option for traces replaces that for all signals, also when that one is wrong", () => {
  const traces = tracesOf({
    OTEL_EXPORTER_OTLP_ENDPOINT: "grpc://collector:4317",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://jaeger:4318/v1/traces",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_HEADERS: "x-key=of-another",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-key=ours",
    OTEL_EXPORTER_OTLP_TIMEOUT: "1",
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "2000",
    OTEL_EXPORTER_OTLP_COMPRESSION: "zstd",
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "gzip",
  });

  expect(traces).toMatchObject({
    endpoint: "http://jaeger:4318/v1/traces",
    headers: { "x-key": "ours" },
    timeoutMs: 2_000,
    compression: "gzip",
  });
});

test("the service's name may be among the resource attributes; its own variable is stronger", () => {
  const attributes = { ...ON, OTEL_RESOURCE_ATTRIBUTES: "service.name=a%2Cb, team = caf%C3%A9 ,empty=" };

  expect(tracesOf(attributes)).toMatchObject({
    serviceName: "a,b",
    resourceAttributes: { "service.name": "a,b", team: "café", empty: "" },
  });
  expect(tracesOf({ ...attributes, OTEL_SERVICE_NAME: "own" })?.serviceName).toBe("own");
});

test.each([
  ["parentbased_traceidratio", "0.25", 0.25],
  ["traceidratio", "1e-3", 0.001],
  ["always_on", "0.25", 1],
])("the sampler %s with %s traces the part %d", (sampler, ratio, expected) => {
  const env = { ...ON, OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: ratio };

  expect(tracesOf(env)?.sampleRatio).toBe(expected);
});

test.each([
  ["true", true],
  ["TRUE", true],
  ["SPAN_ONLY", true],
  ["SPAN_AND_EVENT", true],
  ["false", false],
  ["NO_CONTENT", false],
  ["EVENT_ONLY", false],
])("the capture of content %s is %s", (value, expected) => {
  const env = { ...ON, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: value };

  expect(tracesOf(env)?.capturesContent).toBe(expected);
});

test.each([
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "must be an http:// or https:// URL"],
  [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "https://pk:sk-secret@collector",
    "must have no user and no password: put them into OTEL_EXPORTER_OTLP_HEADERS",
  ],
  [
    "OTEL_EXPORTER_OTLP_HEADERS",
    "Authorization",
    "must be key=value pairs separated by commas, with special characters as %20",
  ],
  [
    "OTEL_EXPORTER_OTLP_HEADERS",
    "=secret",
    "must be key=value pairs separated by commas, with special characters as %20",
  ],
  [
    "OTEL_EXPORTER_OTLP_HEADERS",
    "key=100%",
    "must be key=value pairs separated by commas, with special characters as %20",
  ],
  ["OTEL_EXPORTER_OTLP_HEADERS", "key=a%0Ab", "has a name or value that no HTTP header can have"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "my key=a", "has a name or value that no HTTP header can have"],
  ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s", "must be a whole number from 1 to 3600000"],
  ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "must be none or gzip"],
  [
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "grpc",
    "must be http/protobuf, which collectors mostly receive on port 4318: there is no other",
  ],
  ["OTEL_TRACES_EXPORTER", "zipkin", "must be otlp or none: there is no other"],
  ["OTEL_SDK_DISABLED", "yes", "must be true or false"],
  [
    "OTEL_TRACES_SAMPLER",
    "jaeger_remote",
    "must be one of always_on, parentbased_always_on, always_off, parentbased_always_off, traceidratio, parentbased_traceidratio",
  ],
  ["OTEL_TRACES_SAMPLER_ARG", "1.5", "must be a number from 0 to 1"],
  ["OTEL_TRACES_SAMPLER_ARG", "half", "must be a number from 0 to 1"],
  ["OTEL_RESOURCE_ATTRIBUTES", "team", "must be key=value pairs separated by commas, with special characters as %20"],
  ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "some", "must be true or false"],
  [
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "/etc/ca.pem",
    "is not read: name the authority's file in NODE_EXTRA_CA_CERTS, in the environment and not in .env",
  ],
])("%s=%s is refused, and not quoted", (name, value, message) => {
  expect(faultsOf({ ...ON, [name]: value })).toEqual([`${name} ${message}`]);
});

test("faults of traces are named together with all others", () => {
  expect(faultsOf({ ...ON, PORT: "http", OTEL_EXPORTER_OTLP_TIMEOUT: "0" })).toEqual([
    "PORT must be a whole number from 0 to 65535",
    "OTEL_EXPORTER_OTLP_TIMEOUT must be a whole number from 1 to 3600000",
  ]);
});

test("the variables may be in .env, and those of the environment are stronger", async () => {
  const folder = await mkdtemp(join(tmpdir(), "traces-settings-"));
  const envFile = join(folder, ".env");
  await writeFile(envFile, "OTEL_EXPORTER_OTLP_ENDPOINT=http://from-file:4318\nOTEL_SERVICE_NAME=from-file\n");

  const { traces } = loadConfig({ OTEL_SERVICE_NAME: "from-environment" }, envFile);

  expect(traces).toMatchObject({ endpoint: "http://from-file:4318/v1/traces", serviceName: "from-environment" });
  await rm(folder, { recursive: true });
});

test("an endpoint for all signals that ends in the path of traces does not get it twice", () => {
  const { traces } = loadConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318/v1/traces/" }, "/dev/null");

  expect(traces?.endpoint).toBe("http://c:4318/v1/traces");
});
