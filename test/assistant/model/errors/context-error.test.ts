/** How servers say that the input is too long, as they word it, and what only sounds like it. */
import { expect, test } from "vitest";
import { readContextError } from "../../../../src/assistant/model/errors/context-error.ts";

test.each<[server: string, limit: number | null, asked: number | null, message: string]>([
  [
    "OpenAI",
    128_000,
    130_123,
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130123 tokens (129000 in the messages, 1123 in the functions). Please reduce the length of the messages or functions.",
  ],
  [
    "OpenAI, Responses",
    null,
    null,
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
  ],
  [
    "vLLM",
    8_192,
    9_000,
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens in the messages, Please reduce the length of the messages.",
  ],
  [
    "vLLM, input and output",
    8_192,
    5_000,
    "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 8192 tokens and your request has 5000 input tokens (4096 > 8192 - 5000).",
  ],
  [
    "vLLM, engine",
    8_192,
    9_000,
    "The decoder prompt (length 9000) is longer than the maximum model length of 8192. Make sure that `max_model_len` is no smaller than the number of text tokens.",
  ],
  [
    "vLLM, older engine",
    8_192,
    9_000,
    "The prompt (total length 9000) is too long to fit into the model (context length 8192). Make sure that `max_model_len` is no smaller.",
  ],
  [
    "llama.cpp",
    8_192,
    9_000,
    "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
  ],
  ["llama.cpp, older", null, null, "the request exceeds the available context size, try increasing it"],
  ["Ollama", null, null, "the input length exceeds the context length"],
  ["Ollama, by how much", null, null, "prompt too long; exceeded max context length by 1200 tokens"],
  ["Groq", null, null, "Please reduce the length of the messages or completion."],
  [
    "Groq, tokens of a minute",
    12_000,
    13_000,
    "Request too large for model `llama-4` in organization `org_1` service tier `on_demand` on tokens per minute (TPM): Limit 12000, Requested 13000, please reduce your message size and try again.",
  ],
  [
    "Mistral",
    32_768,
    40_000,
    "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
  ],
  [
    "Gemini",
    1_048_576,
    1_200_000,
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
  ],
  ["Gemini, newer", 1_048_576, null, "The input token count exceeds the maximum number of tokens allowed 1048576."],
  [
    "DeepSeek",
    131_072,
    150_000,
    "This model's maximum context length is 131072 tokens. However, you requested 150000 tokens (142000 in the messages, 8000 in the completion). Please reduce the length of the messages or completion.",
  ],
  ["Anthropic", 200_000, 210_000, "prompt is too long: 210000 tokens > 200000 maximum"],
  [
    "Anthropic, input and output",
    200_000,
    null,
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length or `max_tokens` and try again",
  ],
  ["Bedrock", null, null, "Input is too long for requested model."],
  [
    "LM Studio",
    4_096,
    5_000,
    "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input",
  ],
  [
    "LM Studio, older",
    4_096,
    5_000,
    "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 5000>= n_ctx: 4096). Try to load the model with a larger context length, or provide a shorter input.",
  ],
  [
    "TGI",
    4_096,
    5_000,
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 100 `max_new_tokens`",
  ],
  ["TGI, input alone", 4_095, 5_000, "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000"],
  [
    "OpenRouter",
    131_072,
    150_000,
    'This endpoint\'s maximum context length is 131072 tokens. However, you requested about 150000 tokens (142000 of text input, 8000 in the output). Please reduce the length of either one, or use the "middle-out" transform.',
  ],
  [
    "Cohere",
    128_000,
    130_000,
    "too many tokens: total number of tokens in the prompt cannot exceed 128000 - received 130000. Try using a shorter prompt",
  ],
  ["xAI", 131_072, 150_000, "This model's maximum prompt length is 131072 but the request contains 150000 tokens."],
  [
    "Cerebras",
    8_192,
    10_000,
    "Please reduce the length of the messages or completion. Current length is 10000 while limit is 8192",
  ],
  ["SGLang", 8_192, 9_000, "The input (9000 tokens) is longer than the model's context length (8192 tokens)."],
  [
    "SGLang, input and output",
    8_192,
    9_000,
    "Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of 9000 tokens: 8000 tokens from the input messages and 1000 tokens for the completion.",
  ],
  [
    "SGLang, allowed",
    8_186,
    9_000,
    "Input length (9000 tokens) exceeds the maximum allowed length (8186 tokens). Use a shorter input or enable --allow-auto-truncate.",
  ],
  ["Fireworks", 131_071, 140_000, "The prompt is too long: 140000, model maximum context length: 131071"],
  [
    "Moonshot",
    131_072,
    140_000,
    "Invalid request: Your request exceeded model token limit: 131072 (requested: 140000)",
  ],
  ["GLM", null, null, "Prompt exceeds max length"],
  ["Qwen", 98_304, null, "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]"],
  ["MiniMax, an error number", null, null, "invalid params, context window exceeds limit (2013)"],
  ["GitHub Models", 8_000, null, "Request body too large for gpt-6-luna model. Max size: 8000 tokens."],
  ["GitHub Copilot", 64_000, 70_000, "prompt token count of 70000 exceeds the limit of 64000"],
  ["ds4", 4_096, 5_000, "Prompt has 5000 tokens, but the configured context size is 4096 tokens"],
  [
    "LiteLLM around another",
    4_096,
    5_000,
    "litellm.ContextWindowExceededError: OpenAIException - This model's maximum context length is 4,096 tokens. However, your messages resulted in 5,000 tokens.",
  ],
  ["a proxy", null, null, "413 Request Entity Too Large"],
])("%s: too long, of at most %s tokens", (_server, limit, asked, message) => {
  expect(readContextError({ message })).toEqual({ limit, asked });
});

test.each<[string, Record<string, unknown>, number | null]>([
  ["OpenAI's code", { code: "context_length_exceeded", message: "Too long." }, null],
  [
    "llama.cpp's numbers",
    { type: "exceed_context_size_error", message: "too long", n_prompt_tokens: 9_000, n_ctx: 8_192 },
    8_192,
  ],
  ["GitHub Models' code", { code: "tokens_limit_reached", message: "Too large. Max size: 8000 tokens." }, 8_000],
  [
    "a limit in characters is not one in tokens",
    {
      code: "string_above_max_length",
      message:
        "Invalid 'input[0].content': string too long. Expected a string with maximum length 10485760, but got a string with length 12000000 instead.",
    },
    null,
  ],
])("%s", (_name, error, limit) => {
  expect(readContextError(error)).toMatchObject({ limit });
});

test.each([
  "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000.",
  "max_tokens exceeds the limit of 8192",
  "Rate limit reached for gpt-6-luna in organization org-1 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2s.",
  "You exceeded your current quota, please check your plan and billing details.",
  "model requires more system memory (12.0 GiB) than is available (8.0 GiB)",
  "failed to allocate the KV cache: try reducing the context size",
  "Invalid schema for function 'CheckOutOfStock': the description exceeds the maximum length of 1024.",
  "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 200 instead.",
  "Unknown parameter: 'num_ctx'.",
  "Request exceeds the maximum number of images (10).",
  "Unsupported value: 'reasoning.effort' does not support 'max' with this model.",
  "Invalid 'safety_identifier': string too long. Expected a string with maximum length 64, but got a string with length 70 instead.",
  "The model `gpt-9` does not exist or you do not have access to it.",
])("another error: %s", (message) => {
  expect(readContextError({ message })).toBeNull();
});
