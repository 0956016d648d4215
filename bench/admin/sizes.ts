/** The size of a seeded database. All numbers follow from the number of messages in fixed proportions. */
export interface Size {
  readonly messages: number;
  readonly threads: number;
  readonly runs: number;
  readonly toolCalls: number;
}

/** `full` is for the published figures, `small` for a quick check; `tiny` and `grown` are compared with each other. */
const MESSAGES_BY_NAME: Record<string, number> = {
  small: 20_000,
  tiny: 100_000,
  full: 2_000_000,
  grown: 10_000_000,
};

/** Average number of messages per thread. It makes all other proportions whole numbers. */
const MESSAGES_PER_THREAD = 20;

/** @param text a name, or a number of messages that is a multiple of 400. */
export function readSize(text: string): Size {
  const messages = MESSAGES_BY_NAME[text] ?? Number(text);
  if (!Number.isInteger(messages) || messages < 4_000 || messages % 400 !== 0) {
    const names = Object.keys(MESSAGES_BY_NAME).join(", ");
    throw new Error(
      `Unknown size ${text}. Choose one of: ${names}, or a number of messages that is a multiple of 400 and at least 4,000.`,
    );
  }
  return { messages, threads: messages / MESSAGES_PER_THREAD, runs: messages / 2, toolCalls: messages / 4 };
}
