/** Telegram's limit of 20 calls a minute in a group: when it has room for the next call. */
import type { Priority } from "./priority.ts";

export const GROUP_WINDOW_MS = 60_000;
const GROUP_LIMIT = 20;
/** Calls of the minute that each priority leaves free: three for finals, one of them for new messages too. */
const RESERVED_CALLS: Record<Priority, number> = { final: 0, message: 1, edit: 3, typing: 8 };
/**
 * The last edits of the minute are spread over the rest of it. So a reply of ten seconds streams at full speed, and a longer
 * one keeps growing.
 */
const SPREAD_EDITS = 5;

/** A call that has started. */
export interface StartedCall {
  readonly startedAt: number;
  /** Until when Telegram may count it. */
  countsUntil: number;
}

/** The earliest time at which a call of this priority may start. `calls` are those that Telegram still counts. */
export function groupFreeAt(calls: readonly StartedCall[], priority: Priority, now: number): number {
  const free = GROUP_LIMIT - RESERVED_CALLS[priority] - calls.length;
  // Calls may be answered in another order than they started.
  const ends = calls.map(({ countsUntil }) => countsUntil).sort((a, b) => a - b);
  if (free <= 0) return (ends[-free] ?? now) + 1;
  const oldest = ends[0];
  const last = calls.at(-1);
  if (priority !== "edit" || free > SPREAD_EDITS || oldest === undefined || last === undefined) return now;
  return last.startedAt + (oldest - last.startedAt) / (free + 1);
}
