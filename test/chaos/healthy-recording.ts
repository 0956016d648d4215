/**
 * A small recording without violations, for tests of the auditor: two questions in one chat, the first with a tool call and a
 * takeover after a kill. Tests may change everything in it.
 */
import { completeAnswer, type QuestionSpec, questionText } from "./answers.ts";
import type { Recording } from "./recording.ts";

/** The same type, deeply mutable. */
export type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T;

export const CHAT_ID = 700;
export const FIRST: QuestionSpec = { id: 1, rounds: 1, callsPerRound: 1, sentences: 3, streamMs: 100 };
export const SECOND: QuestionSpec = { id: 2, rounds: 0, callsPerRound: 0, sentences: 2, streamMs: 100 };

/**
 * q1: claimed by a at 100, its tool call stored at 200, a killed at 300, claimed by b at 700, ended at 1,200. q2: claimed by c
 * at 1,300, ended at 1,600.
 */
export function healthyRecording(): Mutable<Recording> {
  return {
    questions: [question(FIRST, 11, 0), question(SECOND, 12, 50)],
    stops: [],
    disturbances: [{ kind: "kill", slot: "a", link: null, fromMs: 300, untilMs: 2_000 }],
    telegramCalls: [
      call({ number: 1, slot: "b", messageId: 13, questionId: 1, startedAtMs: 1_000 }),
      call({ number: 2, slot: "b", method: "editMessageText", messageId: 13, questionId: 1, startedAtMs: 1_210 }),
      call({ number: 3, slot: "c", messageId: 14, questionId: 2, startedAtMs: 1_500 }),
    ],
    shown: [
      { chatId: CHAT_ID, topicId: null, messageId: 13, text: completeAnswer(FIRST), buttons: [] },
      { chatId: CHAT_ID, topicId: null, messageId: 14, text: completeAnswer(SECOND), buttons: [] },
    ],
    modelRequests: [
      { slot: "a", questionId: 1, round: 1, startedAtMs: 120, atMs: 120, outputs: {}, fault: null },
      {
        slot: "b",
        questionId: 1,
        round: 2,
        startedAtMs: 800,
        atMs: 800,
        outputs: { call_1: { ok: true } },
        fault: null,
      },
      { slot: "c", questionId: 2, round: 1, startedAtMs: 1_350, atMs: 1_350, outputs: {}, fault: null },
    ],
    modelErrors: [],
    ...databaseChanges(),
    rows: storedRows(),
    pendingUpdates: 0,
    crashes: [],
    timeoutReason: null,
  };
}

function databaseChanges(): Mutable<Pick<Recording, "runChanges" | "toolCallChanges" | "replyChanges">> {
  return {
    runChanges: [
      run("run1", { slot: "a", atMs: 100, attempt: 1, status: "in_progress", isClaim: true }),
      run("run1", { slot: "a", atMs: 200, attempt: 1, status: "requires_action", isClaim: false }),
      run("run1", { slot: "b", atMs: 700, attempt: 2, status: "requires_action", isClaim: true }),
      run("run1", { slot: "b", atMs: 1_200, attempt: 2, status: "completed", isClaim: false }),
      run("run2", { slot: "c", atMs: 1_300, attempt: 1, status: "in_progress", isClaim: true }),
      run("run2", { slot: "c", atMs: 1_600, attempt: 1, status: "completed", isClaim: false }),
    ],
    toolCallChanges: [
      { toolCallId: "tool1", slot: "a", atMs: 210, before: "pending", status: "running" },
      { toolCallId: "tool1", slot: "b", atMs: 720, before: "running", status: "running" },
      { toolCallId: "tool1", slot: "b", atMs: 750, before: "running", status: "succeeded" },
    ],
    replyChanges: [
      reply("reply1", { slot: "b", atMs: 1_010, status: "partial", messageIds: [13] }),
      reply("reply1", { slot: "b", atMs: 1_240, status: "delivered", messageIds: [13] }),
      reply("reply2", { slot: "c", atMs: 1_510, status: "partial", messageIds: [14] }),
      reply("reply2", { slot: "c", atMs: 1_620, status: "delivered", messageIds: [14] }),
    ],
  };
}

function storedRows(): Mutable<Recording["rows"]> {
  const run = { threadId: "thread", status: "completed" as const, handovers: 0, errorCode: null };
  const reply = { chatId: CHAT_ID, status: "delivered", resentCount: 0, error: null };
  return {
    messages: [
      message(1, { role: "user", text: questionText(FIRST), runId: "run1", messageId: 11 }),
      message(2, { role: "user", text: questionText(SECOND), runId: "run2", messageId: 12 }),
      message(3, { role: "assistant", text: completeAnswer(FIRST), runId: "run1", messageId: null }),
      message(4, { role: "assistant", text: completeAnswer(SECOND), runId: "run2", messageId: null }),
    ],
    runs: [
      { ...run, id: "run1", position: 1, attempt: 2 },
      { ...run, id: "run2", position: 2, attempt: 1 },
    ],
    items: [
      { runId: "run1", round: 1, atMs: 200 },
      { runId: "run1", round: 2, atMs: 1_190 },
      { runId: "run2", round: 1, atMs: 1_590 },
    ],
    toolCalls: [{ id: "tool1", runId: "run1", round: 1, callId: "call_1", status: "succeeded", output: { ok: true } }],
    replies: [
      { ...reply, id: "reply1", runId: "run1", finalText: completeAnswer(FIRST), messageIds: [13] },
      { ...reply, id: "reply2", runId: "run2", finalText: completeAnswer(SECOND), messageIds: [14] },
    ],
  };
}

type Call = Recording["telegramCalls"][number];

/** A call that Telegram answers after 30 ms by default. */
export function call(fields: Partial<Call> & Pick<Call, "number" | "slot" | "startedAtMs">): Mutable<Call> {
  return {
    method: "sendMessage",
    chatId: CHAT_ID,
    messageId: undefined,
    questionId: undefined,
    runId: undefined,
    endedAtMs: fields.startedAtMs + 30,
    outcome: "ok",
    retryAfterSeconds: undefined,
    ...fields,
  };
}

function question(spec: QuestionSpec, messageId: number, atMs: number) {
  return { id: spec.id, text: questionText(spec), chatId: CHAT_ID, topicId: null, messageId, atMs };
}

type RunChange = Recording["runChanges"][number];
type ReplyChange = Recording["replyChanges"][number];
type MessageRow = Recording["rows"]["messages"][number];

function run(runId: string, change: Omit<RunChange, "runId" | "workerId">) {
  return { runId, workerId: 1, ...change };
}

function reply(
  replyId: string,
  change: Omit<ReplyChange, "replyId" | "workerId" | "messageIds"> & { messageIds: number[] },
) {
  return { replyId, workerId: null, ...change };
}

function message(position: number, row: Pick<MessageRow, "role" | "text" | "runId" | "messageId">) {
  return { id: `message${position}`, threadId: "thread", position, chatId: CHAT_ID, topicId: null, ...row };
}
