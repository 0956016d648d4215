/**
 * How long text waits between the model and the chat: for each write that Telegram accepts, the age of its oldest text. Pure
 * arithmetic, in milliseconds of the given clock.
 */

export interface TextAge {
  /** The model added text. */
  added(): void;
  /** The text so far was rendered for a write that starts now. */
  rendered(): void;
  /** Telegram accepted that write. @returns the age of its oldest text; null if it had no new text. */
  accepted(): number | null;
  /** Telegram did not accept it: its text still waits. */
  failed(): void;
}

/** @param now a monotonic clock */
export function createTextAge(now: () => number): TextAge {
  /** When the oldest text was added that is in no write yet. */
  let waitingSince: number | null = null;
  /** The same for the write in flight. */
  let sendingSince: number | null = null;
  return {
    added() {
      waitingSince ??= now();
    },
    rendered() {
      sendingSince = waitingSince;
      waitingSince = null;
    },
    accepted() {
      const age = sendingSince === null ? null : now() - sendingSince;
      sendingSince = null;
      return age;
    },
    failed() {
      waitingSince = sendingSince ?? waitingSince;
      sendingSince = null;
    },
  };
}
