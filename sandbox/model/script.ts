/**
 * Short words for writing a model's lines in a test: `scripted([calls({ name: "CheckOutOfStock" }), says("All good.")])`.
 *
 * It builds turns; it streams nothing.
 */

import { AppError } from "../../src/errors.ts";
import type { Ending, HttpRefusal, Responder, StreamedTurn, TextPiece, Turn, TurnPart } from "./turn.ts";

/** A request came that the script has no turn for. */
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
  /** Default: made up. */
  readonly callId?: string;
}

/** A turn that asks for these tools, in this order. */
export function calls(...wanted: readonly ScriptedCall[]): StreamedTurn {
  return { parts: wanted.map((call): TurnPart => ({ kind: "call", ...call, arguments: call.arguments ?? {} })) };
}

/**
 * A turn that goes wrong: `fails({ kind: "drop" }, { kind: "text", text: "Oat mi" })`, or by status: `fails({ status: 429 })`.
 * `before` is what is streamed first; its last item is cut short.
 */
export function fails(how: Ending | HttpRefusal, ...before: readonly TurnPart[]): Turn {
  return "status" in how ? how : { parts: before, ending: how };
}

/** Answers the nth request it sees with the nth turn, and throws `UnexpectedRequestError` on one more. */
export function scripted(turns: readonly Turn[]): Responder {
  let asked = 0;
  return (request) => {
    const turn = turns[asked];
    asked += 1;
    if (turn === undefined) {
      const last = JSON.stringify(
        typeof request.body.input === "string" ? request.body.input : request.body.input.at(-1),
      );
      throw new UnexpectedRequestError(
        `Unexpected model request ${asked}: the script has ${turns.length} turns. Its last input item: ${last}`,
      );
    }
    return turn;
  };
}
