/** The tokens of a run or of one of its rounds. */
import type { RunRow } from "../../../db/queries/admin/runs.ts";
import { builder } from "../../builder.ts";

type Tokens = Pick<RunRow, "inputTokens" | "cachedInputTokens" | "outputTokens" | "reasoningTokens">;
type UsageRow = Tokens & { inputTokens: number; outputTokens: number };

export const Usage = builder.objectRef<UsageRow>("Usage").implement({
  description: "The token counts of a run over all its rounds, or of one round.",
  fields: (t) => ({
    inputTokens: t.exposeInt("inputTokens", { description: "Input tokens, cached ones included." }),
    cachedInputTokens: t.int({
      description: "Input tokens from the provider's cache.",
      resolve: (usage) => usage.cachedInputTokens ?? 0,
    }),
    outputTokens: t.exposeInt("outputTokens", { description: "Output tokens, reasoning included." }),
    reasoningTokens: t.int({
      description: "Output tokens for reasoning.",
      resolve: (usage) => usage.reasoningTokens ?? 0,
    }),
  }),
});

/** Null until the tokens are counted. */
export function toUsage(counted: Tokens): UsageRow | null {
  const { inputTokens, outputTokens } = counted;
  return inputTokens === null || outputTokens === null ? null : { ...counted, inputTokens, outputTokens };
}
