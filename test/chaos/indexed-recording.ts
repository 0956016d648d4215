/** The recording indexed for the checks: by run and by question, the owner of a run over time, and the disturbances. */
import { parseQuestion, type QuestionSpec } from "./answers.ts";
import type { AskedQuestion, Disturbance, Recording, ReplyChange, Rows, RunChange, TelegramCall } from "./recording.ts";

/** A broken rule. `check` names the rule, `subject` where it was broken, such as "q17". */
export interface Violation {
  readonly check: string;
  readonly subject: string;
  readonly detail: string;
}

/** All records of one question that was stored as a message. */
export interface Answered {
  readonly subject: string;
  readonly question: AskedQuestion;
  readonly spec: QuestionSpec;
  readonly run: Rows["runs"][number];
  readonly reply: Rows["replies"][number] | undefined;
  /** The claims of its run, oldest first. */
  readonly claims: readonly RunChange[];
  /** All changes of its run, oldest first. */
  readonly changes: readonly RunChange[];
  readonly replyChanges: readonly ReplyChange[];
  /** The calls that sent or edited its messages, oldest first. */
  readonly calls: readonly TelegramCall[];
}

export interface IndexedRecording {
  readonly recording: Recording;
  readonly answered: readonly Answered[];
  readonly byRun: ReadonlyMap<string, Answered>;
  readonly byQuestion: ReadonlyMap<number, Answered>;
  /** Whether the process of a slot was disturbed between `fromMs` and `untilMs`. */
  wasDisturbed(slot: string, fromMs: number, untilMs: number, kinds?: readonly string[]): boolean;
}

export function indexRecording(recording: Recording): IndexedRecording {
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
        (disturbance) =>
          disturbance.slot === slot &&
          overlaps(disturbance, fromMs, untilMs) &&
          (kinds === undefined || kinds.includes(disturbance.kind)),
      ),
  };
}

/** The slot that writes a reply at this time: the one that last claimed its run or its delivery. Undefined before any claim. */
export function ownerAt(
  { claims, replyChanges }: Answered,
  atMs: number,
): { slot: string; sinceMs: number } | undefined {
  const ownerChanges = [
    ...claims,
    // A takeover of the delivery changes the reply's worker; storing a page does not.
    ...replyChanges.filter(
      ({ workerId }, index) => workerId !== null && workerId !== (replyChanges[index - 1]?.workerId ?? null),
    ),
  ];
  const last = ownerChanges
    .filter((change) => change.atMs <= atMs)
    .reduce<RunChange | ReplyChange | undefined>(
      (newest, change) => (newest && newest.atMs > change.atMs ? newest : change),
      undefined,
    );
  return last && { slot: last.slot, sinceMs: last.atMs };
}

export function placeKey(chatId: number, messageId: number | null | undefined): string {
  return `${chatId}:${messageId}`;
}

function overlaps(disturbance: Disturbance, fromMs: number, untilMs: number): boolean {
  return disturbance.fromMs <= untilMs && disturbance.untilMs >= fromMs;
}

/** Assigns a call to the question that its text names, or else to the run of its stop button. */
function groupCalls({ telegramCalls }: Recording): (questionId: number, runId: string) => TelegramCall[] {
  const writes = telegramCalls.filter(({ method }) => WRITE_METHODS.has(method));
  const byQuestion = Map.groupBy(writes, ({ questionId }) => questionId);
  const byRun = Map.groupBy(
    writes.filter(({ questionId }) => questionId === undefined),
    ({ runId }) => runId,
  );
  return (questionId, runId) =>
    [...(byQuestion.get(questionId) ?? []), ...(byRun.get(runId) ?? [])].sort(
      (one, other) => one.number - other.number,
    );
}

const WRITE_METHODS = new Set(["sendMessage", "editMessageText"]);
