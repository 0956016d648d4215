/** The parameters of a model call besides input and tools. They are stored with the round. */
import { MAX_OUTPUT_TOKENS } from "../limits.ts";

export interface ModelSettings {
  readonly max_output_tokens: number;
  /** `none`: it had to answer without a tool. */
  readonly tool_choice: "auto" | "none";
}

export function settingsOf({ mayCallTools }: { mayCallTools: boolean }): ModelSettings {
  return { max_output_tokens: MAX_OUTPUT_TOKENS, tool_choice: mayCallTools ? "auto" : "none" };
}
