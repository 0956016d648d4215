/**
 * The stored state of the replies of one process. What the chat shows is stored as soon as the database accepts it, under the
 * claim that this process holds at that moment.
 */
import type { Db } from "../../db/client.ts";
import { createCoalescer } from "../../db/notify/coalesce.ts";
import {
  confirmReply,
  findReplyPosition,
  markDelivered,
  markUndeliverable,
  type ReplyClaim,
  ReplyLostError,
  recordNotSent,
  recordSending,
  saveReplyPages,
} from "../../db/queries/chat/replies.ts";
import type { ReplyPosition } from "../../db/queries/chat/reply-order.ts";
import type { Logger } from "../../observability/logger.ts";
import { retry } from "../../process/retry.ts";
import type { ReplyStore } from "./ports.ts";

const RETRY_INTERVAL_MS = 1_000;

export interface ReplyRecords {
  /** The store of one reply under a claim. A later claim of this process also applies to the earlier store. */
  open(claim: ReplyClaim): ReplyStore;
  /** This process no longer holds the reply. */
  close(replyId: string): void;
  findPosition(replyId: string): Promise<ReplyPosition | undefined>;
  /** Retries until the database accepts it. @throws {ReplyLostError} */
  store<T>(write: () => Promise<T>): Promise<T>;
  /** The process stops: no more retries. */
  stopRetrying(): void;
}

export function createReplyRecords(db: Db, logger: Logger): ReplyRecords {
  /** The worker id under which this process now holds each reply. */
  const claims = new Map<string, number>();
  let isOver = false;
  const notifier = createCoalescer(db, (error) =>
    logger.warn({ err: error }, "could not notify subscribers of a reply"),
  );
  const store: Write = (write) =>
    retry(write, {
      firstMs: RETRY_INTERVAL_MS,
      isRetryable: (error) => !isOver && !(error instanceof ReplyLostError),
      onRetry: ({ error }) => logger.warn({ err: error }, "could not store a reply's state: trying again"),
    });
  /** For what admins see of a reply: their subscriptions read again. */
  const storeAndNotify = async (write: () => Promise<void>) => {
    await store(write);
    notifier.notify({ type: "changed" });
  };
  return {
    store,
    open({ id, workerId }) {
      claims.set(id, workerId);
      return openStore(db, () => ({ id, workerId: claims.get(id) ?? workerId }), { store, storeAndNotify });
    },
    close: (replyId) => void claims.delete(replyId),
    findPosition: (replyId) => store(() => findReplyPosition(db, replyId)),
    stopRetrying() {
      isOver = true;
    },
  };
}

type Write = <T>(write: () => Promise<T>) => Promise<T>;

/** @param claim the current claim of this process on the reply */
function openStore(
  db: Db,
  claim: () => ReplyClaim,
  { store, storeAndNotify }: { store: Write; storeAndNotify: (write: () => Promise<void>) => Promise<void> },
): ReplyStore {
  return {
    recordSending() {
      const sendingSince = new Date();
      return store(() => recordSending(db, claim(), sendingSince));
    },
    recordNotSent: () => store(() => recordNotSent(db, claim())),
    savePages: (telegramMessageIds) => storeAndNotify(() => saveReplyPages(db, claim(), telegramMessageIds)),
    confirm: () => store(() => confirmReply(db, claim())),
    markDelivered: () => storeAndNotify(() => markDelivered(db, claim())),
    markUndeliverable: (reason) => storeAndNotify(() => markUndeliverable(db, claim(), reason)),
  };
}
