/**
 * How long text waits between the model and the chat: of each write that Telegram accepts, the age of its oldest text.
 * Arithmetic alone, by the clock's milliseconds.
 */

export interface TextAge {
  /** The model said something more. */
  said(): void;
  /** What was said so far has been rendered for a write, which is on its way now. */
  rendered(): void;
  /** Telegram accepted that write. @returns how old its oldest text was; null when it brought no new text. */
  accepted(): number | null;
  /** It did not: what it was to bring still waits. */
  failed(): void;
}

/** `now` never goes back. */
export function createTextAge(now: () => number): TextAge {
  /** When the oldest text was said that no write has taken along yet. */
  let waitingSince: number | null = null;
  /** The same of the write on its way. */
  let sendingSince: number | null = null;
  return {
    said() {
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
