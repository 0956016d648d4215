/**
 * A small language for scripting the model in a test: `scripted([calls({ name: "CheckOutOfStock" }), says("All good.")])`.
 *
 * It builds turns; it streams nothing.
 */

import { AppError } from "../../src/errors.ts";
import type { Ending, HttpRefusal, Responder, StreamedTurn, TextPiece, Turn, TurnPart } from "./turn.ts";

/** The script has no turn for this request. */
class UnexpectedRequestError extends AppError {
  override readonly code = "UNEXPECTED_MODEL_REQUEST";
}

/** A turn that is one message. A string is split into tokens; pieces are streamed one by one. */
export function says(text: string | Iterable<TextPiece>): StreamedTurn {
  return { parts: [{ kind: "text", text }] };
}

export interface ScriptedCall {
  readonly name: string;
  /** Default: `{}`. */
  readonly arguments?: string | object;
  /** Default: generated. */
  readonly callId?: string;
}

/** A turn that calls these tools, in this order. */
export function calls(...toolCalls: readonly ScriptedCall[]): StreamedTurn {
  return { parts: toolCalls.map((call): TurnPart => ({ kind: "call", ...call, arguments: call.arguments ?? {} })) };
}

/**
 * A turn that fails: `fails({ kind: "drop" }, { kind: "text", text: "Oat mi" })`, or by status: `fails({ status: 429 })`.
 * `before` is streamed first; its last item is cut short.
 */
export function fails(how: Ending | HttpRefusal, ...before: readonly TurnPart[]): Turn {
  return "status" in how ? how : { parts: before, ending: how };
}

/** Answers the nth request with the nth turn. Throws `UnexpectedRequestError` when there is no turn left. */
export function scripted(turns: readonly Turn[]): Responder {
  let requests = 0;
  return (request) => {
    const turn = turns[requests];
    requests += 1;
    if (turn === undefined) {
      const last = JSON.stringify(
        typeof request.body.input === "string" ? request.body.input : request.body.input.at(-1),
      );
      throw new UnexpectedRequestError(
        `Unexpected model request ${requests}: the script has ${turns.length} turns. Its last input item: ${last}`,
      );
    }
    return turn;
  };
}
