/**
 * The pace of one answer: a token at a time, at times counted from the first one, with pauses where they are wanted.
 *
 * Counting from the first token keeps slow timers from adding up; after a pause the count begins anew, because a model
 * that paused does not catch up.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { TextPiece } from "../../sandbox/model/turn.ts";

export interface Pace {
  perSecond: number;
  /** Milliseconds to wait before the token with this index (from 0). */
  pauses?: ReadonlyMap<number, number>;
}

/** The tokens, each with a wait before it, for the model stand-in to stream. */
export function* paced(tokens: readonly string[], { perSecond, pauses }: Pace): Generator<TextPiece> {
  let originMs = performance.now();
  let sinceOrigin = 0;
  for (const [index, token] of tokens.entries()) {
    const pauseMs = pauses?.get(index);
    if (pauseMs !== undefined) {
      yield delay(pauseMs);
      originMs = performance.now();
      sinceOrigin = 0;
    }
    const dueInMs = originMs + (sinceOrigin * 1_000) / perSecond - performance.now();
    if (dueInMs > 0) yield delay(dueInMs);
    sinceOrigin += 1;
    yield token;
  }
}
