/** The Responses API: the request, and the reader of its events. Stateless: each call sends the whole input. */

import type OpenAI from "openai";
import type { ResponseCreateParamsStreaming, ResponseInputItem, Tool } from "openai/resources/responses/responses";
import { withoutCallExtras } from "../answer/call-extras.ts";
import type { ModelApi, ModelRequest } from "../model-api.ts";
import { createOptionalParameters } from "../optional-parameters.ts";
import type { ModelSettings } from "../settings.ts";
import { createResponseReader } from "./read-events.ts";

type Optional = "max_output_tokens" | "include" | "prompt_cache_key" | "safety_identifier" | "strict";

/** Encrypted reasoning is a feature of OpenAI, as are the two ids. */
const OPTIONAL = [
  // A server whose model writes less than that.
  { name: "max_output_tokens", words: /max_(?:output_|completion_)?tokens/ },
  { name: "include", words: /include|encrypted_content/ },
  { name: "prompt_cache_key", words: /prompt_cache_key/ },
  { name: "safety_identifier", words: /safety_identifier/ },
  { name: "strict", words: /\bstrict\b/ },
] as const;

export function createResponsesApi(client: OpenAI, model: string): ModelApi {
  const withOptional = createOptionalParameters<Optional>(OPTIONAL);
  return {
    path: "/responses",
    open: (request, settings, signal) =>
      withOptional((without) =>
        client.responses.create(toParameters(model, request, { settings, without }), { signal }).asResponse(),
      ),
    createReader: createResponseReader,
  };
}

function toParameters(
  model: string,
  request: ModelRequest,
  { settings, without }: { settings: ModelSettings; without: ReadonlySet<Optional> },
): ResponseCreateParamsStreaming {
  const { cacheKey, safetyIdentifier } = request;
  return {
    model,
    stream: true,
    store: false,
    instructions: request.instructions,
    // Our items have the API's types, and the model's items are sent back as they arrived.
    input: request.input.flatMap(sendable) as ResponseInputItem[],
    tools: request.tools.map(
      (tool) => ({ type: "function", ...(without.has("strict") ? {} : STRICT), ...tool }) as Tool,
    ),
    tool_choice: settings.tool_choice,
    ...(without.has("max_output_tokens") ? {} : { max_output_tokens: settings.max_output_tokens }),
    ...(without.has("prompt_cache_key") ? {} : { prompt_cache_key: cacheKey }),
    ...(safetyIdentifier && !without.has("safety_identifier") ? { safety_identifier: safetyIdentifier } : {}),
    ...(without.has("include") ? {} : { include: ["reasoning.encrypted_content" as const] }),
  };
}

const STRICT = { strict: true } as const;

/**
 * An item as this API takes it. Reasoning without its encrypted content is left out, because the provider stores nothing; so
 * is what only Chat Completions knows, of a round before the API was changed.
 */
function sendable(item: object): object[] {
  const { type, encrypted_content: encrypted } = item as { type?: unknown; encrypted_content?: unknown };
  if (type === "chat_reasoning" || (type === "reasoning" && typeof encrypted !== "string")) return [];
  return [withoutCallExtras(item)];
}
