/**
 * Paces an answer: one token at a time, at times relative to the first token, with optional pauses.
 *
 * Times are relative to the first token so that timer delays do not accumulate. They restart after a pause, because a model
 * that paused does not catch up.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { TextPiece } from "../../sandbox/model/turn.ts";

export interface Pace {
  perSecond: number;
  /** Pauses in milliseconds by the index (from 0) of the token after the pause. */
  pauses?: ReadonlyMap<number, number>;
}

/** The tokens with waits between them, for the model stand-in. */
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
