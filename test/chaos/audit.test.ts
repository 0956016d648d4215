import { expect, test } from "vitest";
import { wholeAnswer } from "./answers.ts";
import { audit } from "./audit.ts";
import { type Breakable, CHAT_ID, call, FIRST, healthyRecording } from "./healthy-recording.ts";
import type { Recording } from "./recording.ts";

/** What the auditor says to a healthy recording in which `spoil` has broken something. */
function auditOf(spoil: (recording: Breakable<Recording>) => void) {
  const recording = healthyRecording();
  spoil(recording);
  return audit(recording);
}

function checksOf(spoil: (recording: Breakable<Recording>) => void): string[] {
  return [...new Set(auditOf(spoil).violations.map(({ check }) => check))];
}

/** The first of a list, which is there. */
function first<Item>(items: Item[]): Item {
  const [item] = items;
  if (item === undefined) throw new Error("the healthy recording has one");
  return item;
}

test("finds nothing in a healthy recording, and measures its takeover", () => {
  expect(auditOf(() => undefined)).toMatchObject({
    violations: [],
    lost: 0,
    doubled: 0,
    takeovers: [{ ms: 400, hadPeer: true }],
    claimsAgain: 1,
    outcomes: { completed: 2 },
  });
});

test.each<[name: string, check: string, spoil: (recording: Breakable<Recording>) => void]>([
  ["a question without a message", "message-lost", ({ rows }) => void rows.messages.splice(1, 1)],
  [
    "a message that is stored twice",
    "message-twice",
    ({ rows }) => void rows.messages.push({ ...first(rows.messages), position: 5 }),
  ],
  [
    "a gap in a thread's positions",
    "position-gap",
    ({ rows }) => {
      first(rows.messages.slice(-1)).position = 9;
    },
  ],
  [
    "messages in another order than Telegram's",
    "thread-order",
    ({ rows: { messages } }) => {
      for (const message of messages.slice(0, 2)) message.position = 3 - message.position;
    },
  ],
  [
    "updates that nobody confirmed",
    "update-unconfirmed",
    (recording) => {
      recording.pendingUpdates = 2;
    },
  ],
  [
    "a run that never ended",
    "run-not-ended",
    ({ rows }) => {
      first(rows.runs).status = "in_progress";
    },
  ],
  [
    "a run that was cancelled by nobody",
    "cancelled-without-cause",
    ({ rows }) => {
      first(rows.runs).status = "cancelled";
    },
  ],
  [
    "a run that failed by nothing",
    "failed-without-cause",
    ({ rows }) => {
      Object.assign(first(rows.runs), { status: "failed", errorCode: "MODEL_STREAM_BROKEN" });
    },
  ],
  [
    "a run that is taken from a healthy process",
    "claimed-without-cause",
    (recording) => {
      recording.disturbances = [];
    },
  ],
  [
    "a run that begins before the one before it ended",
    "runs-overlap",
    ({ runChanges }) => {
      for (const change of runChanges) if (change.runId === "run2") change.atMs -= 500;
    },
  ],
  [
    "a process that asks the model for a run that another has",
    "runs-overlap",
    ({ modelAsked }) =>
      void modelAsked.push({ slot: "a", questionId: 1, round: 3, atMs: 2_500, outputs: {}, fault: null }),
  ],
  [
    "a finished tool call that is run again",
    "tool-call-repeated",
    ({ toolCallChanges }) =>
      void toolCallChanges.push({ toolCallId: "tool1", slot: "b", atMs: 760, before: "succeeded", status: "running" }),
  ],
  [
    "a tool call without an end",
    "tool-call-not-ended",
    ({ rows }) => {
      first(rows.toolCalls).status = "running";
    },
  ],
  [
    "a model that reads another output than the stored one",
    "tool-output-differs",
    ({ modelAsked }) => {
      for (const asked of modelAsked) if (asked.round === 2) asked.outputs = { call_1: { ok: false } };
    },
  ],
  [
    "a model that is asked again for a stored round",
    "model-asked-again",
    ({ modelAsked }) =>
      void modelAsked.push({ slot: "b", questionId: 1, round: 1, atMs: 790, outputs: {}, fault: null }),
  ],
  [
    "a request that the model's server refused",
    "model-refused-request",
    ({ modelComplaints }) => void modelComplaints.push("400: no"),
  ],
  [
    "a final text that is not whole in the chat",
    "final-incomplete",
    ({ shown }) => {
      const page = first(shown);
      page.text = page.text.slice(0, -20);
    },
  ],
  ["a page that is gone from the chat", "final-incomplete", ({ shown }) => void shown.shift()],
  [
    "a page that stands twice in a reply",
    "final-incomplete",
    ({ rows }) => void first(rows.replies).messageIds.push(13),
  ],
  [
    "an answer that is not the model's",
    "answer-altered",
    ({ rows }) => {
      first(rows.replies).finalText = "q1 says something else.";
    },
  ],
  [
    "a reply that nobody delivered",
    "reply-not-delivered",
    ({ rows }) => {
      first(rows.replies).status = "partial";
    },
  ],
  [
    "an answer that was tried too often without a button to ask again",
    "retry-missing",
    ({ rows }) => {
      Object.assign(first(rows.runs), { status: "failed", errorCode: "TOO_MANY_ATTEMPTS" });
    },
  ],
  [
    "a button to ask again beneath an answer that completed",
    "button-left",
    ({ shown }) => {
      first(shown).buttons = ["retry:run1"];
    },
  ],
  [
    "a stop button that was left",
    "button-left",
    ({ shown }) => {
      first(shown).buttons = ["stop:run1"];
    },
  ],
  [
    "replies in another order than their questions",
    "reply-order",
    ({ shown, rows, telegramCalls, replyChanges }) => {
      const swap = (id: number) => (id === 13 ? 14 : 13);
      for (const message of shown) message.messageId = swap(message.messageId);
      for (const reply of [...rows.replies, ...replyChanges]) reply.messageIds = reply.messageIds.map(swap);
      for (const each of telegramCalls) each.messageId = swap(each.messageId ?? 0);
    },
  ],
  [
    "a message too many that nothing explains",
    "message-surplus",
    ({ shown, telegramCalls }) => {
      shown.push({ ...first(shown), messageId: 15 });
      telegramCalls.push(call({ number: 4, slot: "c", messageId: 15, questionId: 1, startedAtMs: 1_400 }));
    },
  ],
  [
    "a message that stands twice and that the product did not count",
    "doubled-uncounted",
    ({ shown, telegramCalls }) => {
      shown.push({ ...first(shown), messageId: 15 });
      telegramCalls.push(
        call({ number: 4, slot: "b", messageId: 15, questionId: 1, startedAtMs: 990, outcome: "lost" }),
      );
    },
  ],
  [
    "a message too many of a process that only had to stop",
    "message-surplus",
    ({ shown, telegramCalls, disturbances }) => {
      shown.push({ ...first(shown), messageId: 15 });
      telegramCalls.push(call({ number: 4, slot: "c", messageId: 15, questionId: 1, startedAtMs: 1_400 }));
      disturbances.push({ kind: "terminate", slot: "c", border: null, fromMs: 1_380, untilMs: 5_000 });
    },
  ],
  [
    "a message too many whose number was stored",
    "message-surplus",
    ({ shown, telegramCalls, replyChanges, disturbances }) => {
      shown.push({ ...first(shown), messageId: 15 });
      telegramCalls.push(call({ number: 4, slot: "c", messageId: 15, questionId: 1, startedAtMs: 1_400 }));
      replyChanges.push({
        replyId: "reply1",
        slot: "c",
        atMs: 1_450,
        workerId: null,
        status: "partial",
        messageIds: [15],
      });
      disturbances.push({ kind: "kill", slot: "c", border: null, fromMs: 1_440, untilMs: 5_000 });
    },
  ],
  [
    "a call in a window that the process knew of",
    "call-in-window",
    ({ telegramCalls }) =>
      void telegramCalls.push(
        call({ number: 4, slot: "c", startedAtMs: 3_000, outcome: "refused", retryAfterSeconds: 3 }),
        call({ number: 5, slot: "c", startedAtMs: 4_000 }),
      ),
  ],
  [
    "a process that wakes up and writes for a run that others have",
    "woken-writer",
    ({ disturbances, telegramCalls }) => {
      disturbances.push({ kind: "freeze", slot: "a", border: null, fromMs: 250, untilMs: 900 });
      telegramCalls.push(
        call({ number: 4, slot: "a", method: "editMessageText", messageId: 13, questionId: 1, startedAtMs: 950 }),
      );
    },
  ],
  [
    "a process that goes on writing for a run that it lost",
    "stranger-writes",
    ({ telegramCalls }) =>
      void telegramCalls.push(
        call({ number: 4, slot: "a", method: "editMessageText", messageId: 13, questionId: 1, startedAtMs: 1_900 }),
      ),
  ],
  [
    "a process that ended by itself",
    "process-ended",
    ({ crashes }) => void crashes.push("b ended by itself with code 1"),
  ],
  [
    "an end that was not waited for",
    "not-at-rest",
    (recording) => {
      recording.gaveUpBecause = "after 60000 ms: 1 run open";
    },
  ],
])("names %s", (_name, check, spoil) => {
  expect(checksOf(spoil)).toContain(check);
});

test("a message too many whose answer was lost is counted and no violation", () => {
  const audited = auditOf(({ shown, telegramCalls, rows }) => {
    first(rows.replies).resentCount = 1;
    shown.push({ ...first(shown), messageId: 15 });
    telegramCalls.push(call({ number: 4, slot: "b", messageId: 15, questionId: 1, startedAtMs: 990, outcome: "lost" }));
  });

  expect(audited).toMatchObject({ violations: [], doubled: 1 });
});

test("a message too many whose process was killed before it could store the number is counted", () => {
  const audited = auditOf(({ shown, telegramCalls, rows }) => {
    first(rows.replies).resentCount = 1;
    shown.push({ ...first(shown), messageId: 15 });
    telegramCalls.push(call({ number: 4, slot: "a", messageId: 15, questionId: 1, startedAtMs: 280 }));
  });

  expect(audited).toMatchObject({ violations: [], doubled: 1 });
});

test("a run that a person stopped may be cancelled, and says what it had", () => {
  const audited = auditOf(({ rows, stops, shown }) => {
    const said = wholeAnswer(FIRST).slice(0, 60).trim();
    stops.push({ chatId: CHAT_ID, topicId: null, atMs: 1_100 });
    first(rows.runs).status = "cancelled";
    first(rows.replies).finalText = `${said}\n\n_Stopped._`;
    first(shown).text = `${said}\n\nStopped.`;
  });

  expect(audited.violations).toEqual([]);
});

test("a call in a window that only another process was told of is counted", () => {
  const audited = auditOf(({ telegramCalls }) => {
    telegramCalls.push(
      call({ number: 4, slot: "c", startedAtMs: 3_000, outcome: "refused", retryAfterSeconds: 3 }),
      call({ number: 5, slot: "b", startedAtMs: 4_000 }),
    );
  });

  expect(audited).toMatchObject({ violations: [], unknowingInWindow: 1, refused429: 1 });
});

test("lost counts each question once, whatever is missing of it", () => {
  const audited = auditOf(({ rows, shown }) => {
    shown.length = 0;
    rows.messages.splice(1, 1);
  });

  expect(audited.lost).toBe(2);
});
