/** Delivers the replies of one conversation one after the other, across processes. */
import type { ReplyPosition } from "../../db/queries/chat/reply-order.ts";
import { waitUpTo } from "../../process/timeout.ts";

export interface DeliveryWait {
  /** The chat and topic. */
  conversation: string;
  /** The position when the reply was claimed. */
  position: ReplyPosition;
  /** Settles when this process no longer renders the reply under an earlier claim; undefined if it never did. */
  earlier: Promise<void> | undefined;
  /** Reads the current position; undefined if the reply no longer exists. */
  readPosition(): Promise<ReplyPosition | undefined>;
  signal: AbortSignal;
}

export interface DeliveryOrder {
  /** Waits until all earlier replies of the conversation are delivered. @returns the messages that already show this one. */
  waitForTurn(wait: DeliveryWait): Promise<readonly number[]>;
  /** A reply of the conversation has ended in this process. */
  replyEnded(conversation: string): void;
}

/** How often to read whether another process has delivered the reply before, in milliseconds; less and less often. */
const FIRST_POLL_MS = 200;
const MAX_POLL_MS = 5_000;

/** The delivery order of one process. */
export function createDeliveryOrder(): DeliveryOrder {
  const listeners = createListeners();
  return {
    async waitForTurn(wait) {
      let { position } = wait;
      if (wait.earlier) {
        await wait.earlier;
        // A message that was in flight at the claim is known now.
        position = (await wait.readPosition()) ?? position;
      }
      for (let pollMs = FIRST_POLL_MS; position.isBehind && !wait.signal.aborted; pollMs *= 1.5) {
        await nextEnd(listeners, wait, Math.min(pollMs, MAX_POLL_MS));
        position = (await wait.readPosition()) ?? { ...position, isBehind: false };
      }
      return position.telegramMessageIds;
    },
    replyEnded: listeners.notify,
  };
}

/** Waits for the next end of a reply in this process, at most `limitMs`. */
async function nextEnd(listeners: Listeners, { conversation, signal }: DeliveryWait, limitMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = listeners.subscribe(conversation, resolve);
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  await waitUpTo(limitMs, promise);
  unsubscribe();
  // A reply may wait for hours and poll every few seconds.
  signal.removeEventListener("abort", onAbort);
}

type Listeners = ReturnType<typeof createListeners>;

function createListeners() {
  const callbacks = new Map<string, Set<() => void>>();
  return {
    subscribe(conversation: string, callback: () => void): () => void {
      const others = callbacks.get(conversation) ?? new Set();
      callbacks.set(conversation, others.add(callback));
      return () => {
        others.delete(callback);
        if (others.size === 0 && callbacks.get(conversation) === others) callbacks.delete(conversation);
      };
    },
    notify(conversation: string): void {
      for (const callback of callbacks.get(conversation) ?? []) callback();
    },
  };
}
