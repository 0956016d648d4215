/** The parameters of a model call besides input and tools. They are stored with the round. */
import { MAX_OUTPUT_TOKENS } from "../limits.ts";

export interface ModelSettings {
  readonly max_output_tokens: number;
  /** `none`: it had to answer without a tool. */
  readonly tool_choice: "auto" | "none";
}

/** `windowTokens`: the model's window, if it is known. At most a quarter of it is the answer's. */
export function settingsOf({ mayCallTools }: { mayCallTools: boolean }, windowTokens: number | null): ModelSettings {
  const limit = Math.min(MAX_OUTPUT_TOKENS, Math.floor((windowTokens ?? Number.POSITIVE_INFINITY) / 4));
  return { max_output_tokens: limit, tool_choice: mayCallTools ? "auto" : "none" };
}
