/**
 * Marks: numbers in the texts of questions, answers and their pieces. Subscribers recognise an event by its mark, without a
 * lookup.
 */
import { machineMs } from "./clock.ts";

/** The times of the writes in milliseconds of the machine's clock, by mark. */
export interface Written {
  /** Just before the statement was sent. */
  readonly sentAtMs: number[];
  /** After its commit returned. */
  readonly committedAtMs: number[];
  /** Whether it is a piece of an answer. A server that is behind may send the complete answer instead. */
  readonly isPiece: boolean[];
}

export interface MarkLog {
  readonly written: Written;
  newMark(isPiece?: boolean): number;
  /** Runs `write` and records its times for these marks. */
  record<Value>(marks: readonly number[], write: () => Promise<Value>): Promise<Value>;
}

export function createMarkLog(): MarkLog {
  const written: Written = { sentAtMs: [], committedAtMs: [], isPiece: [] };
  return {
    written,
    newMark: (isPiece = false) => written.isPiece.push(isPiece) - 1,
    async record(marks, write) {
      const sentAtMs = machineMs();
      const value = await write();
      const committedAtMs = machineMs();
      for (const mark of marks) {
        written.sentAtMs[mark] = sentAtMs;
        written.committedAtMs[mark] = committedAtMs;
      }
      return value;
    },
  };
}

export function markOf(number: number): string {
  return `@@${number};`;
}

/** A pattern for `exec`; its group is the number. */
export function markPattern(): RegExp {
  return /@@(\d+);/g;
}
