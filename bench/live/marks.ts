/**
 * Numbers that go with a text from the writer to the subscribers, so that an event is known again without looking anything up.
 *
 * A mark stands in the text of a question, of an answer, and of each piece of one.
 */

/** When an event was written, in the machine's milliseconds, by its mark. */
export interface Written {
  /** Just before the statement that stores it was sent. */
  readonly sentAtMs: number[];
  /** When its commit had returned. */
  readonly committedAtMs: number[];
  /** Pieces of answers: a server that is behind rightly tells the whole answer instead. */
  readonly isPiece: boolean[];
}

export function markOf(number: number): string {
  return `@@${number};`;
}

/** A pattern for `exec`, with the number as its group. */
export function markPattern(): RegExp {
  return /@@(\d+);/g;
}
