/** One question of a benchmark: the model's planned answer, and the measurements. */

import type { RecordedCall } from "../../sandbox/telegram/world/call-log.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import type { Pace } from "./pace.ts";

/** The model's answer to one request. */
export interface PlannedTurn extends Pace {
  tokens: readonly string[];
  /** A tool that is called after the tokens. The next turn answers with the tool's output. */
  call?: string;
}

/** The nth request of a question is answered with the nth turn, further requests with the last turn. */
export type Plan = readonly PlannedTurn[];

/** All times are milliseconds of the environment's clock. */
export interface Question {
  readonly chat: StandInChat;
  readonly plan: Plan;
  readonly askedAt: number;
  /** The last word of the complete answer, as shown. */
  readonly lastWord: string;
  /** The id of the person's message. The bot's messages after it are the reply. */
  readonly messageId: number;
  /** The model requests for this question. */
  readonly requests: { readonly atMs: number; abortedAtMs: number | null }[];
  /** When each token was written to the socket, over all turns. */
  readonly tokenAt: number[];
  /** Called after each token with its index (from 0). */
  onToken: ((index: number) => void) | null;
  /** When the last token was shown and the reply had no button; null until then. */
  completedAt: number | null;
  /** All calls to the chat, also those of other questions, oldest first. */
  readonly calls: readonly RecordedCall[];
}

/** All tokens of a plan in order. */
export function tokensOf(plan: Plan): string[] {
  return plan.flatMap(({ tokens }) => tokens);
}
