/** The answer of one model call, whichever API it came by. */
import type { RoundUsage } from "../../../db/queries/runs/run-rounds.ts";
import type { BuiltAnswer } from "./answer-builder.ts";

/** An answer as the stream told it. */
export interface StreamedAnswer extends BuiltAnswer {
  /** `incomplete`: the answer was cut short; `reason` is the provider's word, such as `max_output_tokens`. */
  outcome: { status: "completed" } | { status: "incomplete"; reason: string };
  usage: RoundUsage | null;
}
