/** How much there is to read. One number says it all; the others follow from it in fixed proportions. */
export interface Size {
  readonly messages: number;
  readonly threads: number;
  readonly runs: number;
  readonly toolCalls: number;
}

/** By name: `full` is what the figures are about, `small` is for trying, `tiny` and `grown` are compared with one another. */
const MESSAGES_BY_NAME: Record<string, number> = {
  small: 20_000,
  tiny: 100_000,
  full: 2_000_000,
  grown: 10_000_000,
};

/** Messages a thread, on average; with it every other proportion is whole. */
const MESSAGES_A_THREAD = 20;

/** @param given a name, or how many messages, a multiple of 400. */
export function readSize(given: string): Size {
  const messages = MESSAGES_BY_NAME[given] ?? Number(given);
  if (!Number.isInteger(messages) || messages < 4_000 || messages % 400 !== 0) {
    const names = Object.keys(MESSAGES_BY_NAME).join(", ");
    throw new Error(
      `There is no size ${given}: it is ${names}, or a number of messages, a multiple of 400 from 4,000 on.`,
    );
  }
  return { messages, threads: messages / MESSAGES_A_THREAD, runs: messages / 2, toolCalls: messages / 4 };
}
