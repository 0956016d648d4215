/**
 * Shows runs in the chats of one bot: a reply for each run of this process, and for each reply that a dead process left
 * undelivered. It limits how many replies are in memory.
 */
import type { RunView } from "../../assistant/worker/run-output.ts";
import type { RunPresenter } from "../../assistant/worker/work-on-run.ts";
import { claimWaitingReplies, type ReplyClaim, ReplyLostError, releaseReply } from "../../db/queries/chat/replies.ts";
import type { ClaimedRun } from "../../db/queries/runs/run-queue.ts";
import type { RunOutcome } from "../../events.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { finalReply, textsIn } from "../texts.ts";
import { withClosedFence } from "./markdown/fence.ts";
import { createOpenReplies, type OpenReplies, type OpenRepliesDeps } from "./open-replies.ts";
import { paginate } from "./pages/pages.ts";
import { createReplyRecords, type ReplyRecords } from "./reply-records.ts";
import { targetOfRun, targetOfWaiting } from "./reply-target.ts";

export interface ReplyPresenterDeps extends Omit<OpenRepliesDeps, "records"> {
  workerId(): number;
  /** The most replies in memory. Default: `MAX_OPEN_REPLIES`. */
  maxOpenReplies?: number;
}

export interface ReplyPresenter extends RunPresenter {
  /** Delivers what dead processes left undelivered. To be called every few seconds. */
  deliverWaiting(): Promise<void>;
  /**
   * The worker id is no longer valid: another process may hold the replies of this one. Ends the calls that are under way: one
   * that a slow network holds could otherwise arrive after the other process's own, and replace what people read.
   */
  loseAll(): void;
  /** Waits up to `graceMs` for deliveries; the rest stays in the database for the next process. */
  stop(graceMs: number): Promise<void>;
}

/** Waiting replies that are claimed at once; the next call claims the next ones. */
const WAITING_BATCH = 50;
/**
 * Replies in memory, most of which wait for Telegram. Above this, replies whose run has ended go back to the database.
 * Replies behind another one do so above half of it: so they never fill the memory, and the ones before them always fit.
 */
const MAX_OPEN_REPLIES = 1_000;

interface Presenter extends ReplyPresenterDeps {
  maxOpenReplies: number;
  records: ReplyRecords;
  openReplies: OpenReplies;
}

export function createReplyPresenter(deps: ReplyPresenterDeps): ReplyPresenter {
  const records = createReplyRecords(deps.db, deps.logger);
  const openReplies = createOpenReplies({ ...deps, records });
  const presenter = { maxOpenReplies: MAX_OPEN_REPLIES, ...deps, records, openReplies };
  return {
    open: (run) => openRun(presenter, run),
    finalText,
    deliverWaiting: () => deliverWaiting(presenter),
    loseAll: openReplies.loseAll,
    async stop(graceMs) {
      await waitUpTo(graceMs, openReplies.allDone());
      records.stopRetrying();
      openReplies.abandonAll();
      await openReplies.allDone();
    },
  };
}

function openRun(presenter: Presenter, run: ClaimedRun): RunView {
  const { maxOpenReplies, openReplies } = presenter;
  const target = targetOfRun(run);
  const { reply, isWaiting } = openReplies.open(target);
  return {
    abandon() {
      reply.abandon();
      return reply.done;
    },
    emit(event) {
      reply.emit(event);
      const limit = isWaiting() ? maxOpenReplies / 2 : maxOpenReplies;
      if (event.type !== "run-end" || openReplies.count() <= limit) return;
      reply.abandon();
      void reply.done.then(() => release(presenter, { id: target.replyId, workerId: run.workerId }));
    },
  };
}

/** Gives a reply back to the database. */
async function release({ db, logger, records }: Presenter, claim: ReplyClaim): Promise<void> {
  try {
    await records.store(() => releaseReply(db, claim));
  } catch (error) {
    // It has ended in the meantime, or another worker holds it.
    if (error instanceof ReplyLostError) return;
    logger.warn({ err: error, replyId: claim.id }, "could not release a reply: it is free when this process ends");
  }
}

function finalText(run: ClaimedRun, outcome: RunOutcome, text: string): string {
  const answer = outcome.status === "completed" ? text : withClosedFence(text);
  const note = run.hasAttachment && text.trim() !== "" ? `\n\n_${textsIn(run.language).attachmentIgnored}_` : "";
  const reply = finalReply(run.language, outcome, answer + note);
  // Telegram cannot show an empty code block or a lone quote mark. The person still gets an answer.
  return paginate(reply, { final: true }).length > 0 ? reply : textsIn(run.language).faults.MODEL_EMPTY;
}

async function deliverWaiting(presenter: Presenter): Promise<void> {
  const { botId, db, logger, maxOpenReplies, openReplies } = presenter;
  const limit = Math.min(WAITING_BATCH, maxOpenReplies - openReplies.count());
  if (limit <= 0) return;
  const workerId = presenter.workerId();
  const claim = { botId, workerId, openReplyIds: openReplies.ids(), limit };
  for (const waiting of await claimWaitingReplies(db, claim)) {
    const { errorCode, finalText, id: replyId, runId } = waiting;
    // Its run has just ended in this process, or an earlier attempt here is about to end.
    if (openReplies.has(replyId)) continue;
    logger.info({ runId, replyId }, "delivering a reply that an earlier process left");
    const { reply } = openReplies.open(targetOfWaiting(waiting, workerId));
    const status = errorCode === null ? "completed" : "failed";
    reply.emit({ type: "run-end", outcome: { status, errorCode, errorMessage: null }, finalText });
  }
}
