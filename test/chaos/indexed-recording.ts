/**
 * What the checks share: the recording by run and by question, who owned a run when, and what was done to whom.
 */
import { parseQuestion, type QuestionSpec } from "./answers.ts";
import type { AskedQuestion, Disturbance, Recording, ReplyChange, Rows, RunChange, TelegramCall } from "./recording.ts";

/** Something that must not be. `check` is the broken rule, `subject` what it was seen at, such as "q17". */
export interface Violation {
  readonly check: string;
  readonly subject: string;
  readonly detail: string;
}

/** Everything that is known of one question that has its message. */
export interface Answered {
  readonly subject: string;
  readonly question: AskedQuestion;
  readonly spec: QuestionSpec;
  readonly run: Rows["runs"][number];
  readonly reply: Rows["replies"][number] | undefined;
  /** The claims of its run, oldest first. */
  readonly claims: readonly RunChange[];
  /** Every change of its run, oldest first. */
  readonly changes: readonly RunChange[];
  readonly replyChanges: readonly ReplyChange[];
  /** Calls that sent or edited its messages, oldest first. */
  readonly calls: readonly TelegramCall[];
}

export interface Findings {
  readonly recording: Recording;
  readonly answered: readonly Answered[];
  readonly byRun: ReadonlyMap<string, Answered>;
  readonly byQuestion: ReadonlyMap<number, Answered>;
  /** Whether something was done to the process of a slot at some time from `fromMs` to `untilMs`. */
  wasDisturbed(slot: string, fromMs: number, untilMs: number, kinds?: readonly string[]): boolean;
}

export function createFindings(recording: Recording): Findings {
  const byMessage = new Map(
    recording.rows.messages
      .filter(({ role }) => role === "user")
      .map((row) => [placeKey(row.chatId, row.messageId), row] as const),
  );
  const runs = new Map(recording.rows.runs.map((run) => [run.id, run] as const));
  const replies = new Map(recording.rows.replies.map((reply) => [reply.runId, reply] as const));
  const changes = Map.groupBy(recording.runChanges, ({ runId }) => runId);
  const replyChanges = Map.groupBy(recording.replyChanges, ({ replyId }) => replyId);
  const calls = groupCalls(recording);
  const answered = recording.questions.flatMap((question): Answered[] => {
    const spec = parseQuestion(question.text);
    const run = runs.get(byMessage.get(placeKey(question.chatId, question.messageId))?.runId ?? "");
    if (!spec || !run) return [];
    const reply = replies.get(run.id);
    const all = changes.get(run.id) ?? [];
    return [
      {
        subject: `q${question.id}`,
        question,
        spec,
        run,
        reply,
        changes: all,
        claims: all.filter(({ isClaim }) => isClaim),
        replyChanges: replyChanges.get(reply?.id ?? "") ?? [],
        calls: calls(question.id, run.id),
      },
    ];
  });
  return {
    recording,
    answered,
    byRun: new Map(answered.map((each) => [each.run.id, each])),
    byQuestion: new Map(answered.map((each) => [each.question.id, each])),
    wasDisturbed: (slot, fromMs, untilMs, kinds) =>
      recording.disturbances.some(
        (done) =>
          done.slot === slot && overlaps(done, fromMs, untilMs) && (kinds === undefined || kinds.includes(done.kind)),
      ),
  };
}

/** Who draws a reply at a time: who claimed its run last, or its delivery. Undefined before the first claim. */
export function ownerAt(
  { claims, replyChanges }: Answered,
  atMs: number,
): { slot: string; sinceMs: number } | undefined {
  const takings = [
    ...claims,
    // A delivery that is taken over is told by the reply's worker; storing a page changes nothing of it.
    ...replyChanges.filter(
      ({ workerId }, index) => workerId !== null && workerId !== (replyChanges[index - 1]?.workerId ?? null),
    ),
  ];
  const last = takings
    .filter((taking) => taking.atMs <= atMs)
    .reduce<RunChange | ReplyChange | undefined>(
      (newest, taking) => (newest && newest.atMs > taking.atMs ? newest : taking),
      undefined,
    );
  return last && { slot: last.slot, sinceMs: last.atMs };
}

export function placeKey(chatId: number, messageId: number | null | undefined): string {
  return `${chatId}:${messageId}`;
}

function overlaps(done: Disturbance, fromMs: number, untilMs: number): boolean {
  return done.fromMs <= untilMs && done.untilMs >= fromMs;
}

/** By the question that a call's text names, else by its stop button, else by the message that it edits. */
function groupCalls({ telegramCalls }: Recording): (questionId: number, runId: string) => TelegramCall[] {
  const drawing = telegramCalls.filter(({ method }) => DRAWING.has(method));
  const byQuestion = Map.groupBy(drawing, ({ questionId }) => questionId);
  const byRun = Map.groupBy(
    drawing.filter(({ questionId }) => questionId === undefined),
    ({ runId }) => runId,
  );
  return (questionId, runId) =>
    [...(byQuestion.get(questionId) ?? []), ...(byRun.get(runId) ?? [])].sort(
      (one, other) => one.number - other.number,
    );
}

const DRAWING = new Set(["sendMessage", "editMessageText"]);
