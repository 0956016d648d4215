/** The `response` object of the API: its id, the settings echoed from the request, its output and its usage. */

import { estimateTokens } from "./tokens.ts";
import type { InputItem, ModelRequestBody } from "./turn.ts";

/** An item of `output`. Each has an id of its own. */
export type OutputItem = InputItem & { readonly id: string; readonly type: string; readonly status?: string };

export interface Usage {
  readonly input_tokens: number;
  readonly input_tokens_details: { readonly cached_tokens: number; readonly cache_write_tokens: number };
  readonly output_tokens: number;
  readonly output_tokens_details: { readonly reasoning_tokens: number };
  readonly total_tokens: number;
}

type ResponseStatus = "in_progress" | "completed" | "failed" | "incomplete";

/** What differs between two states of one response. */
export interface ResponseState {
  readonly status: ResponseStatus;
  readonly output?: readonly OutputItem[];
  readonly usage?: Usage;
  readonly error?: { readonly code: string; readonly message: string };
  readonly incomplete_details?: { readonly reason: string };
}

/** The response in one of its states, as plain JSON. */
export type ResponseObject = Readonly<Record<string, unknown>> & { readonly id: string };

/** Returns a function from a state to the response object. The id and the creation time stay the same. */
export function createResponseObject(body: ModelRequestBody): (state: ResponseState) => ResponseObject {
  const id = createId("resp");
  const createdAt = epochSeconds();
  return ({ status, output = [], usage, error, incomplete_details }) => ({
    id,
    object: "response",
    created_at: createdAt,
    completed_at: status === "completed" ? epochSeconds() : null,
    status,
    error: error ?? null,
    incomplete_details: incomplete_details ?? null,
    output,
    usage: usage ?? null,
    ...settingsOf(body),
  });
}

/** An id in the API's format: a prefix for the type, then letters and digits. */
export function createId(prefix: "resp" | "msg" | "fc" | "rs" | "call"): string {
  return `${prefix}_${crypto.randomUUID().replaceAll("-", "")}`;
}

/** Number of tokens reported for one reasoning item. */
const REASONING_TOKENS = 64;

/** Plausible token counts. `deltas` is the number of streamed pieces. */
export function countUsage(body: ModelRequestBody, output: readonly OutputItem[], deltas: number): Usage {
  const inputTokens = inputTokensOf(body);
  const reasoningTokens = REASONING_TOKENS * output.filter((item) => item.type === "reasoning").length;
  const outputTokens = deltas + reasoningTokens;
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: countCached(body, inputTokens), cache_write_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
}

/** How many tokens a request counts as. */
export function inputTokensOf(body: ModelRequestBody): number {
  return estimateTokens(promptOf(body).length);
}

function epochSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}

function settingsOf(body: ModelRequestBody): Record<string, unknown> {
  return {
    model: body.model,
    instructions: body.instructions ?? null,
    tools: body.tools ?? [],
    tool_choice: body.tool_choice ?? "auto",
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    max_output_tokens: body.max_output_tokens ?? null,
    temperature: body.temperature ?? 1,
    top_p: body.top_p ?? 1,
    metadata: body.metadata ?? {},
    reasoning: body.reasoning ?? { effort: null, summary: null },
    text: body.text ?? { format: { type: "text" } },
    safety_identifier: body.safety_identifier ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    previous_response_id: null,
    service_tier: "default",
  };
}

function promptOf(body: ModelRequestBody): string {
  return JSON.stringify([body.tools ?? [], body.instructions ?? "", body.input]);
}

/** OpenAI caches prompts of at least 1,024 tokens, in steps of 128. */
const SMALLEST_CACHED = 1_024;
const CACHE_STEP = 128;

/** All items but the newest count as cached, as in a continuing conversation. */
function countCached(body: ModelRequestBody, inputTokens: number): number {
  const newest = typeof body.input === "string" ? body.input : JSON.stringify(body.input.at(-1) ?? "");
  const cacheable = inputTokens - estimateTokens(newest.length);
  return cacheable < SMALLEST_CACHED ? 0 : Math.floor(cacheable / CACHE_STEP) * CACHE_STEP;
}
