/**
 * What is kept of replies in the database while they are drawn: what the chat shows already is stored as soon as the database
 * takes it, under the claim that this process has at that moment.
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
import type { Logger } from "../../observability/logger.ts";
import { retry } from "../../process/retry.ts";
import type { Turn } from "./delivery-order.ts";
import type { ReplyStore } from "./ports.ts";

const RETRY_INTERVAL_MS = 1_000;

export interface ReplyRecords {
  /** Records of one reply under a claim; a later claim of this process counts for the earlier one too. */
  open(claim: ReplyClaim): ReplyStore;
  /** This process has nothing to do with the reply any more. */
  close(replyId: string): void;
  findTurn(replyId: string): Promise<Turn | undefined>;
  /** Tries until the database takes it. */
  keep<T>(write: () => Promise<T>): Promise<T>;
  /** The process stops: what fails from now on is not tried again. */
  giveUp(): void;
}

/** Records of the replies of one process. */
export function createReplyRecords(db: Db, logger: Logger): ReplyRecords {
  /** The number under which this process has each reply now. */
  const claims = new Map<string, number>();
  let isOver = false;
  const bell = createCoalescer(db, (error) => logger.warn({ err: error }, "could not tell that a reply was delivered"));
  const keep = <T>(write: () => Promise<T>): Promise<T> =>
    retry(write, {
      firstMs: RETRY_INTERVAL_MS,
      isRetryable: (error) => !isOver && !(error instanceof ReplyLostError),
      onRetry: ({ error }) => logger.warn({ err: error }, "could not store a reply's state: trying again"),
    });
  /** What admins see of the reply: whoever follows it looks again. */
  const show = async (write: () => Promise<void>) => {
    await keep(write);
    bell.notify({ type: "changed" });
  };
  return {
    keep,
    open({ id, workerId }) {
      claims.set(id, workerId);
      const claim = () => ({ id, workerId: claims.get(id) ?? workerId });
      return {
        recordSending() {
          const sendingSince = new Date();
          return keep(() => recordSending(db, claim(), sendingSince));
        },
        recordNotSent: () => keep(() => recordNotSent(db, claim())),
        savePages: (telegramMessageIds) => show(() => saveReplyPages(db, claim(), telegramMessageIds)),
        confirm: () => keep(() => confirmReply(db, claim())),
        markDelivered: () => show(() => markDelivered(db, claim())),
        markUndeliverable: (reason) => show(() => markUndeliverable(db, claim(), reason)),
      };
    },
    close: (replyId) => void claims.delete(replyId),
    findTurn: (replyId) => keep(() => findReplyPosition(db, replyId)),
    giveUp() {
      isOver = true;
    },
  };
}
