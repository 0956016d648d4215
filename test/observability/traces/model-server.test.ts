import { expect, test } from "vitest";
import { attributesOfServer } from "../../../src/observability/traces/model-server.ts";

test.each([
  ["https://api.openai.com/v1", "openai", "api.openai.com", 443],
  ["https://shop.openai.azure.com/openai/v1", "azure.ai.openai", "shop.openai.azure.com", 443],
  ["https://api.x.ai/v1", "x_ai", "api.x.ai", 443],
  // Not a host of x.ai.
  ["https://api.max.ai/v1", "openai", "api.max.ai", 443],
  ["http://ollama/v1", "openai", "ollama", 80],
  ["http://127.0.0.1:11434/v1", "openai", "127.0.0.1", 11_434],
])("the model's server %s is of the provider %s", (url, provider, address, port) => {
  expect(attributesOfServer(url)).toEqual({
    "gen_ai.provider.name": provider,
    "server.address": address,
    "server.port": port,
  });
});
