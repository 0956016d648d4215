/** One question of a benchmark, what the model is to answer, and what was measured of it. */

import type { RecordedCall } from "../../sandbox/telegram/world/call-log.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import type { Pace } from "./pace.ts";

/** What the model says to one request. */
export interface PlannedTurn extends Pace {
  tokens: readonly string[];
  /** A tool that it calls after the tokens; the next turn then answers with the tool's output. */
  call?: string;
}

/** The nth request of a question is answered with the nth turn; later ones with the last. */
export type Plan = readonly PlannedTurn[];

/** All times are those of the scene's clock, in milliseconds. */
export interface Question {
  readonly chat: StandInChat;
  readonly plan: Plan;
  readonly askedAt: number;
  /** The last word of the whole answer, as it is shown. */
  readonly lastWord: string;
  /** The person's message: what the bot wrote after it is the reply. */
  readonly messageId: number;
  /** The model's requests for this question. */
  readonly requests: { readonly atMs: number; abortedAtMs: number | null }[];
  /** When each token was handed to the socket, over all turns. */
  readonly tokenAt: number[];
  /** Called after each token with its index (from 0). */
  onToken: ((index: number) => void) | null;
  /** When the last token was shown and no button was left beneath the reply. Null until then. */
  completedAt: number | null;
  /** Calls to the chat, of this question and of others, oldest first. */
  readonly calls: readonly RecordedCall[];
}

/** All tokens of a plan in order. */
export function tokensOf(plan: Plan): string[] {
  return plan.flatMap(({ tokens }) => tokens);
}
