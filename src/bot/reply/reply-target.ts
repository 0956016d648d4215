/** Where a reply is shown, and its state when it was claimed. */
import type { StoredWindow } from "../../db/queries/chat/chat-windows.ts";
import type { WaitingReply } from "../../db/queries/chat/replies.ts";
import type { ReplyPosition } from "../../db/queries/chat/reply-order.ts";
import type { ClaimedRun } from "../../db/queries/runs/run-queue.ts";
import type { BudgetChat } from "../budget/send-budget.ts";

export interface ReplyTarget extends ReplyPosition {
  replyId: string;
  runId: string;
  /** The worker that claimed it. */
  workerId: number;
  /** Our own id of the chat: Telegram's id may change during a reply. */
  chatId: string;
  chat: BudgetChat;
  window: StoredWindow;
  topicId: number | null;
  replyToMessageId: number | null;
  shownLength: number;
  language: string;
  /** Age of the question in milliseconds; null if a part of the reply was shown before. */
  queuedMs: number | null;
}

/** The target of a claimed run. @throws if the run has no chat, as in the terminal. */
export function targetOfRun(run: ClaimedRun): ReplyTarget {
  const { chat, reply, workerId, language, topicId } = run;
  if (reply === null || chat.telegramId === null) throw new Error(`run ${run.id} has no chat`);
  const { id: replyId, ...shown } = reply;
  return {
    ...shown,
    replyId,
    runId: run.id,
    workerId,
    chatId: chat.id,
    chat: { telegramId: chat.telegramId, isGroup: chat.type !== "private" },
    window: chat.window,
    topicId,
    language,
    queuedMs: run.attempt === 1 ? run.queuedMs : null,
  };
}

/** The target of a waiting reply that `workerId` has claimed. */
export function targetOfWaiting(waiting: WaitingReply, workerId: number): ReplyTarget {
  const { id: replyId, chatTelegramId, chatType, ...rest } = waiting;
  const chat = { telegramId: chatTelegramId, isGroup: chatType !== "private" };
  return { ...rest, replyId, workerId, chat, isBehind: false, shownLength: 0, queuedMs: null };
}

/** The conversation of a reply: its chat and topic. */
export function conversationOf({ chatId, topicId }: ReplyTarget): string {
  return `${chatId}:${topicId ?? ""}`;
}
