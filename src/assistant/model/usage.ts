/** The tokens of one model call, as the server counts them. */
import { z } from "zod";
import type { RoundUsage } from "../../db/queries/runs/run-rounds.ts";

/** The largest number that a column of the database holds. No model call uses a thousandth of it. */
const count = z.int().min(0).max(2_147_483_647);

/** By the names of the Responses API. A server that does not mention a cache or reasoning has none. */
const ResponseUsage = z
  .object({
    input_tokens: count,
    input_tokens_details: z.object({ cached_tokens: count.nullish() }).nullish(),
    output_tokens: count,
    output_tokens_details: z.object({ reasoning_tokens: count.nullish() }).nullish(),
  })
  .transform((usage) => ({
    inputTokens: usage.input_tokens,
    cachedInputTokens: usage.input_tokens_details?.cached_tokens ?? 0,
    outputTokens: usage.output_tokens,
    reasoningTokens: usage.output_tokens_details?.reasoning_tokens ?? 0,
  }));

/** By the names of Chat Completions. DeepSeek has a field of its own for the cache. */
const ChatUsage = z
  .object({
    prompt_tokens: count,
    prompt_tokens_details: z.object({ cached_tokens: count.nullish() }).nullish(),
    prompt_cache_hit_tokens: count.nullish(),
    completion_tokens: count,
    completion_tokens_details: z.object({ reasoning_tokens: count.nullish() }).nullish(),
  })
  .transform((usage) => ({
    inputTokens: usage.prompt_tokens,
    cachedInputTokens: usage.prompt_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? 0,
    outputTokens: usage.completion_tokens,
    reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  }));

const Usage = z
  .union([ResponseUsage, ChatUsage])
  .refine(
    (usage: RoundUsage) => usage.cachedInputTokens <= usage.inputTokens && usage.reasoningTokens <= usage.outputTokens,
  );

/**
 * The tokens of a call; null when they are unknown, which is not 0.
 *
 * One impossible figure makes all of them unknown: a price by the others would be wrong too.
 */
export function readUsage(usage: unknown): RoundUsage | null {
  return Usage.safeParse(usage).data ?? null;
}
