/** The tokens of one model call, as the server counts them. */
import { z } from "zod";
import type { RoundUsage } from "../../db/queries/runs/run-rounds.ts";

/** The largest number that a column of the database holds. No model call uses a thousandth of it. */
const count = z.int().min(0).max(2_147_483_647);

/** As in the Responses API. A server that does not mention a cache or reasoning has none. */
const ResponseUsage = z
  .object({
    input_tokens: count,
    input_tokens_details: z.object({ cached_tokens: count.nullish() }).nullish(),
    output_tokens: count,
    output_tokens_details: z.object({ reasoning_tokens: count.nullish() }).nullish(),
  })
  .transform(
    (usage): RoundUsage => ({
      inputTokens: usage.input_tokens,
      cachedInputTokens: usage.input_tokens_details?.cached_tokens ?? 0,
      outputTokens: usage.output_tokens,
      reasoningTokens: usage.output_tokens_details?.reasoning_tokens ?? 0,
    }),
  )
  .refine((usage) => usage.cachedInputTokens <= usage.inputTokens && usage.reasoningTokens <= usage.outputTokens);

/**
 * The tokens of a call; null when they are unknown, which is not 0.
 *
 * One impossible figure makes all of them unknown: a price by the others would be wrong too.
 */
export function readUsage(usage: unknown): RoundUsage | null {
  return ResponseUsage.safeParse(usage).data ?? null;
}
