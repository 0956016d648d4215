/**
 * A small recording with nothing wrong in it, for tests of the auditor: two questions of one chat, the first with a tool call
 * and a takeover after a kill. Everything in it may be changed.
 */
import { type QuestionSpec, questionText, wholeAnswer } from "./answers.ts";
import type { Recording } from "./recording.ts";

/** The same, to be broken by a test. */
export type Breakable<T> = T extends readonly (infer Item)[]
  ? Breakable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Breakable<T[Key]> }
    : T;

export const CHAT_ID = 700;
export const FIRST: QuestionSpec = { id: 1, rounds: 1, callsPerRound: 1, sentences: 3, streamMs: 100 };
export const SECOND: QuestionSpec = { id: 2, rounds: 0, callsPerRound: 0, sentences: 2, streamMs: 100 };

/**
 * q1: claimed by a at 100, its tool call stored at 200, a killed at 300, claimed by b at 700, ended at 1,200. q2: claimed by c
 * at 1,300, ended at 1,600.
 */
export function healthyRecording(): Breakable<Recording> {
  return {
    questions: [question(FIRST, 11, 0), question(SECOND, 12, 50)],
    stops: [],
    disturbances: [{ kind: "kill", slot: "a", border: null, fromMs: 300, untilMs: 2_000 }],
    telegramCalls: [
      call({ number: 1, slot: "b", messageId: 13, questionId: 1, startedAtMs: 1_000 }),
      call({ number: 2, slot: "b", method: "editMessageText", messageId: 13, questionId: 1, startedAtMs: 1_210 }),
      call({ number: 3, slot: "c", messageId: 14, questionId: 2, startedAtMs: 1_500 }),
    ],
    shown: [
      { chatId: CHAT_ID, topicId: null, messageId: 13, text: wholeAnswer(FIRST), buttons: [] },
      { chatId: CHAT_ID, topicId: null, messageId: 14, text: wholeAnswer(SECOND), buttons: [] },
    ],
    modelAsked: [
      { slot: "a", questionId: 1, round: 1, atMs: 120, outputs: {}, fault: null },
      { slot: "b", questionId: 1, round: 2, atMs: 800, outputs: { call_1: { ok: true } }, fault: null },
      { slot: "c", questionId: 2, round: 1, atMs: 1_350, outputs: {}, fault: null },
    ],
    modelComplaints: [],
    runChanges: [
      run("run1", "a", 100, 1, "in_progress", true),
      run("run1", "a", 200, 1, "requires_action", false),
      run("run1", "b", 700, 2, "requires_action", true),
      run("run1", "b", 1_200, 2, "completed", false),
      run("run2", "c", 1_300, 1, "in_progress", true),
      run("run2", "c", 1_600, 1, "completed", false),
    ],
    toolCallChanges: [
      { toolCallId: "tool1", slot: "a", atMs: 210, before: "pending", status: "running" },
      { toolCallId: "tool1", slot: "b", atMs: 720, before: "running", status: "running" },
      { toolCallId: "tool1", slot: "b", atMs: 750, before: "running", status: "succeeded" },
    ],
    replyChanges: [
      reply("reply1", "b", 1_010, "partial", [13]),
      reply("reply1", "b", 1_240, "delivered", [13]),
      reply("reply2", "c", 1_510, "partial", [14]),
      reply("reply2", "c", 1_620, "delivered", [14]),
    ],
    rows: {
      messages: [
        message(1, "user", questionText(FIRST), "run1", 11),
        message(2, "user", questionText(SECOND), "run2", 12),
        message(3, "assistant", wholeAnswer(FIRST), "run1", null),
        message(4, "assistant", wholeAnswer(SECOND), "run2", null),
      ],
      runs: [
        { id: "run1", threadId: "thread", position: 1, status: "completed", attempt: 2, handovers: 0, errorCode: null },
        { id: "run2", threadId: "thread", position: 2, status: "completed", attempt: 1, handovers: 0, errorCode: null },
      ],
      items: [
        { runId: "run1", round: 1, atMs: 200 },
        { runId: "run1", round: 2, atMs: 1_190 },
        { runId: "run2", round: 1, atMs: 1_590 },
      ],
      toolCalls: [
        { id: "tool1", runId: "run1", round: 1, callId: "call_1", status: "succeeded", output: { ok: true } },
      ],
      replies: [
        {
          id: "reply1",
          runId: "run1",
          chatId: CHAT_ID,
          status: "delivered",
          finalText: wholeAnswer(FIRST),
          messageIds: [13],
          resentCount: 0,
          error: null,
        },
        {
          id: "reply2",
          runId: "run2",
          chatId: CHAT_ID,
          status: "delivered",
          finalText: wholeAnswer(SECOND),
          messageIds: [14],
          resentCount: 0,
          error: null,
        },
      ],
    },
    pendingUpdates: 0,
    crashes: [],
    gaveUpBecause: null,
  };
}

type Call = Recording["telegramCalls"][number];

/** A call that Telegram answered after 30 ms, unless told otherwise. */
export function call(fields: Partial<Call> & Pick<Call, "number" | "slot" | "startedAtMs">): Breakable<Call> {
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

type Change = Recording["runChanges"][number];

function run(runId: string, slot: string, atMs: number, attempt: number, status: Change["status"], isClaim: boolean) {
  return { runId, slot, atMs, attempt, workerId: 1, status, isClaim };
}

function reply(replyId: string, slot: string, atMs: number, status: string, messageIds: number[]) {
  return { replyId, slot, atMs, workerId: null, status, messageIds };
}

function message(position: number, role: "user" | "assistant", text: string, runId: string, messageId: number | null) {
  return {
    id: `message${position}`,
    threadId: "thread",
    position,
    role,
    text,
    runId,
    chatId: CHAT_ID,
    topicId: null,
    messageId,
  };
}
