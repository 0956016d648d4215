/** Whose turn it is: the replies of a conversation are delivered one after the other, whichever processes have them. */
import { waitUpTo } from "../../process/timeout.ts";

/** How a reply stands: whether one before it is still to be delivered, and the messages that show it already. */
export interface Turn {
  isBehind: boolean;
  telegramMessageIds: readonly number[];
}

export interface TurnWait {
  /** As it was when the reply was claimed. */
  place: Turn;
  /** Settles when this process draws the same reply no more under an earlier claim; undefined when it never did. */
  before: Promise<void> | undefined;
  /** As it is now; undefined when there is no such reply any more. */
  look(): Promise<Turn | undefined>;
  /** Calls back when a reply of the conversation has ended in this process, until the returned function is called. */
  onEnd(callback: () => void): () => void;
  signal: AbortSignal;
}

/** How often a reply looks whether one in another process has been delivered, in milliseconds: ever more rarely. */
const FIRST_LOOK_MS = 200;
const LONGEST_LOOK_MS = 5_000;

/** Waits for the reply's turn. @returns the messages that show it already. */
export async function waitForTurn(wait: TurnWait): Promise<readonly number[]> {
  let turn = wait.place;
  if (wait.before) {
    await wait.before;
    // A message that was on its way when the claim was made is known by now.
    turn = (await wait.look()) ?? turn;
  }
  for (let lookMs = FIRST_LOOK_MS; turn.isBehind && !wait.signal.aborted; lookMs *= 1.5) {
    await nextEnd(wait, Math.min(lookMs, LONGEST_LOOK_MS));
    turn = (await wait.look()) ?? { ...turn, isBehind: false };
  }
  return turn.telegramMessageIds;
}

async function nextEnd({ onEnd, signal }: TurnWait, limitMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stopListening = onEnd(resolve);
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  await waitUpTo(limitMs, promise);
  stopListening();
  // A reply may wait for hours, and look every few seconds.
  signal.removeEventListener("abort", onAbort);
}
