/** Chat Completions, for servers that do not speak the Responses API: the request, and the reader of its chunks. */
import type OpenAI from "openai";
import type { ChatCompletionCreateParamsStreaming, ChatCompletionTool } from "openai/resources/chat/completions";
import type { ModelApi, ModelRequest } from "../model-api.ts";
import { createOptionalParameters } from "../optional-parameters.ts";
import type { ModelSettings } from "../settings.ts";
import { toMessages } from "./messages.ts";
import { createChunkReader } from "./read-chunks.ts";

type Optional =
  | "thinking"
  | "stream_options"
  | "strict"
  | "tool_choice"
  | "max_tokens"
  | "max_completion_tokens"
  | "ids";

/** Groq and Cerebras refuse the thinking that DeepSeek wants back. */
const THINKING_REFUSED =
  /(?:reasoning(?:_\w+)?|thinking_blocks)['"`]?\s*(?:is|are)?\s*(?:unsupported|not (?:supported|permitted|allowed))|(?:extra|unknown|unexpected|unrecognized)[^.]{0,80}(?:reasoning|thinking_blocks)/i;

/** Older gateways refuse the next three; of the two limits each server knows one. */
const OPTIONAL = [
  { name: "thinking", words: THINKING_REFUSED },
  { name: "stream_options", words: /stream_options|include_usage/ },
  { name: "strict", words: /\bstrict\b/ },
  { name: "tool_choice", words: /tool_choice/ },
  { name: "max_tokens", words: /\bmax_tokens\b/ },
  { name: "max_completion_tokens", words: /max_completion_tokens/ },
  { name: "ids", words: /prompt_cache_key|safety_identifier/ },
] as const;

interface ChatOptions {
  model: string;
  /** The server is OpenAI's own. */
  isOpenAi: boolean;
}

export function createChatApi(client: OpenAI, { model, isOpenAi }: ChatOptions): ModelApi {
  const withOptional = createOptionalParameters<Optional>(OPTIONAL);
  return {
    path: "/chat/completions",
    open: (request, settings, signal) =>
      withOptional((without) =>
        client.chat.completions
          .create(toParameters(request, { model, isOpenAi, settings, without }), { signal })
          .asResponse(),
      ),
    createReader: createChunkReader,
  };
}

function toParameters(
  request: ModelRequest,
  { model, isOpenAi, settings, without }: ChatOptions & { settings: ModelSettings; without: ReadonlySet<Optional> },
): ChatCompletionCreateParamsStreaming {
  const { max_output_tokens: limit, tool_choice: choice } = settings;
  const { tools, cacheKey, safetyIdentifier } = request;
  return {
    model,
    stream: true,
    messages: toMessages(request, { sendsThinking: !without.has("thinking") }),
    ...(without.has("stream_options") ? {} : { stream_options: { include_usage: true } }),
    // A list of tools must not be empty.
    ...(tools.length === 0 ? {} : { tools: tools.map((tool) => toTool(tool, without)) }),
    ...(tools.length === 0 || without.has("tool_choice") ? {} : { tool_choice: choice }),
    ...limitOf(limit, isOpenAi, without),
    ...(isOpenAi && !without.has("ids")
      ? { prompt_cache_key: cacheKey, ...(safetyIdentifier ? { safety_identifier: safetyIdentifier } : {}) }
      : {}),
  };
}

function toTool(tool: ModelRequest["tools"][number], without: ReadonlySet<Optional>): ChatCompletionTool {
  return { type: "function", function: without.has("strict") ? tool : { ...tool, strict: true } };
}

/** OpenAI's newer models refuse `max_tokens`; many other servers know only that. Each is tried before the other. */
function limitOf(limit: number, isOpenAi: boolean, without: ReadonlySet<Optional>): object {
  const names = ["max_completion_tokens", "max_tokens"] as const;
  const name = (isOpenAi ? names : names.toReversed()).find((each) => !without.has(each));
  return name ? { [name]: limit } : {};
}
