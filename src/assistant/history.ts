/**
 * The input of the first round: the history as text only, and the question.
 *
 * Earlier runs are sent as text (question, answer). Items are sent only for the current run. So an orphan call, a stale
 * figure or another provider's reasoning can never corrupt a thread.
 */
import type { Db } from "../db/client.ts";
import { MAX_QUOTE_CHARACTERS } from "../db/queries/chat/quotes.ts";
import { findHistory, getQuestion, type HistoryMessage } from "../db/queries/runs/history.ts";
import type { ClaimedRun } from "../db/queries/runs/run-queue.ts";
import { MAX_EARLIER_QUOTE_CHARACTERS, MAX_HISTORY_CHARACTERS, MAX_HISTORY_MESSAGES } from "./limits.ts";
import { writeMessage } from "./question-text.ts";

export interface InputMessage {
  role: "user" | "assistant";
  content: string;
}

/** The messages of a thread that the model gets, the question last. */
export interface History {
  messages: InputMessage[];
  /** Older runs of the thread are left out. */
  isCut: boolean;
}

/**
 * Reads the question of a run, and before it the newest whole runs that have at most `maxCharacters()` together. It is asked
 * only when there are earlier runs.
 */
export async function readHistory(
  db: Db,
  run: ClaimedRun,
  maxCharacters: () => number | Promise<number> = () => MAX_HISTORY_CHARACTERS,
): Promise<History> {
  const [earlier, question] = await Promise.all([
    findHistory(db, {
      threadId: run.threadId,
      beforePosition: run.position,
      role: run.asker.role,
      limit: MAX_HISTORY_MESSAGES + 1,
    }),
    getQuestion(db, run.id, run.asker.role),
  ]);
  const written = withoutCutRun(earlier).map((message) => ({
    runId: message.runId,
    role: message.role,
    text: writeMessage(message, MAX_EARLIER_QUOTE_CHARACTERS),
  }));
  const history = written.length === 0 ? [] : newestRuns(written, await maxCharacters());
  const asked = { role: "user" as const, content: writeMessage(question, MAX_QUOTE_CHARACTERS) };
  const messages = [...history.map(({ role, text }) => ({ role, content: text })), asked];
  return { messages, isCut: history.length < earlier.length };
}

/** The messages of the newest runs that fit whole into `maxCharacters`, oldest first. */
export function newestRuns<Message extends { runId: string; text: string }>(
  history: Message[],
  maxCharacters: number,
): Message[] {
  let left = maxCharacters;
  let first = history.length;
  for (let end = history.length; end > 0; ) {
    const start = history.findIndex(({ runId }) => runId === history[end - 1]?.runId);
    const size = history.slice(start, end).reduce((sum, { text }) => sum + text.length, 0);
    left -= size;
    if (left < 0) break;
    first = start;
    end = start;
  }
  return history.slice(first);
}

/** One message more than the limit was read. If there is one, its run may be cut: it is left out. */
function withoutCutRun(history: HistoryMessage[]): HistoryMessage[] {
  if (history.length <= MAX_HISTORY_MESSAGES) return history;
  return history.filter(({ runId }) => runId !== history[0]?.runId);
}
