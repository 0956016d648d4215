/** The tokens of one model call, as the model's server counts them. */
import { z } from "zod";
import type { RoundUsage } from "../../db/queries/runs/run-rounds.ts";

/** As much as a column of the database holds: no call of a model uses a thousandth of it. */
const count = z.int().min(0).max(2_147_483_647);

/** As the Responses API has it. A server that says nothing of a cache or of reasoning has none. */
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
 * What a call used; null where that is unknown, which is not 0.
 *
 * It is believed whole or not at all: where one figure cannot be right, a price by the others would be wrong too.
 */
export function readUsage(usage: unknown): RoundUsage | null {
  return ResponseUsage.safeParse(usage).data ?? null;
}
