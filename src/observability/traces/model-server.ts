/** The model's server, as the GenAI conventions name it. */
import type { Attributes } from "@opentelemetry/api";

/** The conventions' names of well-known providers, by the end of their host. */
const PROVIDERS: readonly (readonly [host: string, name: string])[] = [
  ["openai.azure.com", "azure.ai.openai"],
  ["anthropic.com", "anthropic"],
  ["googleapis.com", "gcp.gen_ai"],
  ["deepseek.com", "deepseek"],
  ["groq.com", "groq"],
  ["mistral.ai", "mistral_ai"],
  ["x.ai", "x_ai"],
];

/** `baseUrl`: null for the stand-in. Any other server counts as `openai`, whose API it speaks. */
export function attributesOfServer(baseUrl: string | null): Attributes {
  if (baseUrl === null) return { "gen_ai.provider.name": "counterhand.stand_in" };
  const { hostname, port, protocol } = new URL(baseUrl);
  const known = PROVIDERS.find(([host]) => hostname === host || hostname.endsWith(`.${host}`));
  return {
    "gen_ai.provider.name": known?.[1] ?? "openai",
    "server.address": hostname,
    "server.port": Number(port) || (protocol === "http:" ? 80 : 443),
  };
}
