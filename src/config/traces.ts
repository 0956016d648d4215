/**
 * Where traces go: OpenTelemetry's own variables, as its specification defines them.
 *
 * OpenTelemetry's SDK would read them itself. It is given these settings instead, so that `.env` counts too, and a wrong
 * value is an error at the start. While traces are off, none of the variables is checked: a platform may set them for others.
 */
import { z } from "zod";
import type { Variables } from "./conflicts.ts";
import { isHttpHeader, keyValueList, wholeNumber } from "./formats.ts";

export interface TracesConfig {
  /** The whole URL to which spans are posted. */
  endpoint: string;
  /** For each request; mostly a key. */
  headers: Readonly<Record<string, string>>;
  /** How long one request may take. */
  timeoutMs: number;
  compression: "none" | "gzip";
  /** The part of all runs that is traced, above 0 and up to 1. */
  sampleRatio: number;
  serviceName: string;
  resourceAttributes: Readonly<Record<string, string>>;
  /** Whether spans contain what was said, and what tools were given and returned. */
  capturesContent: boolean;
}

const PATH = "/v1/traces";
const DEFAULT_ENDPOINT = "http://localhost:4318";
const SERVICE_NAME = "service.name";

/** The options that exist for all signals, and for traces alone. The one for traces replaces the other. */
const OPTIONS = ["ENDPOINT", "HEADERS", "TIMEOUT", "COMPRESSION", "PROTOCOL"];

const pairs = () => keyValueList("must be key=value pairs separated by commas, with special characters as %20");
const headers = () =>
  pairs().refine(
    (list) => Object.entries(list).every(isHttpHeader),
    "has a name or value that no HTTP header can have",
  );
const timeout = () => wholeNumber(1, 3_600_000);
/** The specification lets the case of a word not count. */
const word = () => z.string().toLowerCase();
const compression = () => word().pipe(z.enum(["none", "gzip"], "must be none or gzip"));
const protocol = () =>
  word().pipe(
    z.literal(
      "http/protobuf",
      "must be http/protobuf, which collectors mostly receive on port 4318: there is no other",
    ),
  );
const endpoint = () =>
  z
    .url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" })
    .refine(hasNoCredentials, "must have no user and no password: put them into OTEL_EXPORTER_OTLP_HEADERS");

const notRead = () =>
  z
    .undefined("is not read: name the authority's file in NODE_EXTRA_CA_CERTS, in the environment and not in .env")
    .optional();

const SAMPLERS = ["always_on", "always_off", "traceidratio"].flatMap((name) => [name, `parentbased_${name}`]);

const CONTENT = {
  true: true,
  false: false,
  span_only: true,
  span_and_event: true,
  event_only: false,
  no_content: false,
};

const Settings = z.object({
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint().optional(),
  OTEL_EXPORTER_OTLP_HEADERS: headers().optional(),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: headers().optional(),
  OTEL_EXPORTER_OTLP_TIMEOUT: timeout().optional(),
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: timeout().optional(),
  OTEL_EXPORTER_OTLP_COMPRESSION: compression().optional(),
  OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: compression().optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol().optional(),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol().optional(),
  OTEL_TRACES_SAMPLER: word()
    .pipe(z.enum(SAMPLERS, `must be one of ${SAMPLERS.join(", ")}`))
    .default("parentbased_always_on"),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number("must be a number from 0 to 1")
    .min(0, "must be a number from 0 to 1")
    .max(1, "must be a number from 0 to 1")
    .default(1),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_RESOURCE_ATTRIBUTES: pairs().default({}),
  OTEL_EXPORTER_OTLP_CERTIFICATE: notRead(),
  OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: notRead(),
  OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: word()
    .pipe(z.enum(Object.keys(CONTENT), "must be true or false"))
    .transform((word) => CONTENT[word as keyof typeof CONTENT])
    .default(false),
});
type Settings = z.output<typeof Settings>;

/** The variables that are read here. */
export const TRACE_VARIABLES = ["OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", ...Object.keys(Settings.shape)];

export interface ReadTraces {
  /** Null: there are no traces, or `faults` has the reasons. */
  traces: TracesConfig | null;
  /** Pairs of a variable and what is wrong with it. */
  faults: [variable: string, message: string][];
}

/** On with an endpoint, or with `OTEL_TRACES_EXPORTER=otlp`; off with `OTEL_SDK_DISABLED` or `OTEL_TRACES_EXPORTER=none`. */
export function readTraces(variables: Variables): ReadTraces {
  const { OTEL_SDK_DISABLED: disabled = "false" } = variables;
  const exporter = variables.OTEL_TRACES_EXPORTER?.toLowerCase();
  const hasEndpoint = variables.OTEL_EXPORTER_OTLP_ENDPOINT || variables.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const isOff = /^true$/i.test(disabled) || exporter === "none" || (!exporter && !hasEndpoint);
  if (isOff) return { traces: null, faults: [] };
  if (!/^false$/i.test(disabled)) return fault("OTEL_SDK_DISABLED", "must be true or false");
  if (exporter && exporter !== "otlp") return fault("OTEL_TRACES_EXPORTER", "must be otlp or none: there is no other");

  const { data, error } = Settings.safeParse(withoutReplaced(variables));
  const faults = (error?.issues ?? []).map(({ path, message }): [string, string] => [String(path[0]), message]);
  return { traces: data && ratioOf(data) > 0 ? toTraces(data) : null, faults };
}

function fault(variable: string, message: string): ReadTraces {
  return { traces: null, faults: [[variable, message]] };
}

/** A wrong value that another one replaces does no harm, such as a protocol for metrics. */
function withoutReplaced(variables: Variables): Variables {
  const replaced = OPTIONS.filter((option) => variables[`OTEL_EXPORTER_OTLP_TRACES_${option}`]);
  return { ...variables, ...Object.fromEntries(replaced.map((option) => [`OTEL_EXPORTER_OTLP_${option}`, undefined])) };
}

function toTraces(settings: Settings): TracesConfig {
  const { OTEL_RESOURCE_ATTRIBUTES: attributes } = settings;
  return {
    endpoint: endpointOf(settings),
    headers: settings.OTEL_EXPORTER_OTLP_TRACES_HEADERS ?? settings.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    timeoutMs: settings.OTEL_EXPORTER_OTLP_TRACES_TIMEOUT ?? settings.OTEL_EXPORTER_OTLP_TIMEOUT ?? 10_000,
    compression: settings.OTEL_EXPORTER_OTLP_TRACES_COMPRESSION ?? settings.OTEL_EXPORTER_OTLP_COMPRESSION ?? "none",
    sampleRatio: ratioOf(settings),
    serviceName: settings.OTEL_SERVICE_NAME ?? attributes[SERVICE_NAME] ?? "counterhand",
    resourceAttributes: attributes,
    capturesContent: settings.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT,
  };
}

/** The endpoint for traces is used as it is. The one for all signals is a base. */
function endpointOf(settings: Settings): string {
  if (settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) return settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const base = new URL(settings.OTEL_EXPORTER_OTLP_ENDPOINT ?? DEFAULT_ENDPOINT);
  // Some pages give it with the path.
  base.pathname = base.pathname.replace(/(\/v1\/traces)?\/*$/, PATH);
  return base.href;
}

function ratioOf({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: ratio }: Settings): number {
  if (sampler.endsWith("traceidratio")) return ratio;
  return sampler.endsWith("always_off") ? 0 : 1;
}

/** `fetch` refuses a URL that has them, and they would be in every log line that names it. */
function hasNoCredentials(url: string): boolean {
  const parsed = URL.parse(url);
  return !parsed?.username && !parsed?.password;
}
