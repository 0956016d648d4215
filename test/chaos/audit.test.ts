import { expect, test } from "vitest";
import { completeAnswer } from "./answers.ts";
import { audit } from "./audit.ts";
import { CHAT_ID, call, FIRST, healthyRecording, type Mutable } from "./healthy-recording.ts";
import type { Recording } from "./recording.ts";

/** Audits the healthy recording after `change` has modified it. */
function auditOf(change: (recording: Mutable<Recording>) => void) {
  const recording = healthyRecording();
  change(recording);
  return audit(recording);
}

function checksOf(change: (recording: Mutable<Recording>) => void): string[] {
  return [...new Set(auditOf(change).violations.map(({ check }) => check))];
}

/** The first item of a list that is not empty. */
function first<Item>(items: Item[]): Item {
  const [item] = items;
  if (item === undefined) throw new Error("the list is empty");
  return item;
}

test("a healthy recording has no violations, and its takeover is measured", () => {
  expect(auditOf(() => undefined)).toMatchObject({
    violations: [],
    lost: 0,
    duplicates: 0,
    takeovers: [{ ms: 400, hadPeer: true }],
    repeatedClaims: 1,
    outcomes: { completed: 2 },
  });
});

test.each<[name: string, check: string, change: (recording: Mutable<Recording>) => void]>([
  ["a question without a message", "message-lost", ({ rows }) => void rows.messages.splice(1, 1)],
  [
    "a message that was stored twice",
    "message-duplicated",
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
    "messages in a different order than Telegram's",
    "thread-order",
    ({ rows: { messages } }) => {
      for (const message of messages.slice(0, 2)) message.position = 3 - message.position;
    },
  ],
  [
    "unconfirmed updates",
    "update-unconfirmed",
    (recording) => {
      recording.pendingUpdates = 2;
    },
  ],
  [
    "a run that has not ended",
    "run-not-ended",
    ({ rows }) => {
      first(rows.runs).status = "in_progress";
    },
  ],
  [
    "a run that was cancelled without a stop",
    "cancelled-without-cause",
    ({ rows }) => {
      first(rows.runs).status = "cancelled";
    },
  ],
  [
    "a run that failed without a fault",
    "failed-without-cause",
    ({ rows }) => {
      Object.assign(first(rows.runs), { status: "failed", errorCode: "MODEL_STREAM_BROKEN" });
    },
  ],
  [
    "a run that was taken over from a healthy process",
    "claimed-without-cause",
    (recording) => {
      recording.disturbances = [];
    },
  ],
  [
    "a run that started before the previous one ended",
    "runs-overlap",
    ({ runChanges }) => {
      for (const change of runChanges) if (change.runId === "run2") change.atMs -= 500;
    },
  ],
  [
    "a model request by a process that no longer owns the run",
    "runs-overlap",
    ({ modelRequests }) =>
      void modelRequests.push({
        slot: "a",
        questionId: 1,
        round: 3,
        startedAtMs: 2_500,
        atMs: 2_500,
        outputs: {},
        fault: null,
      }),
  ],
  [
    "a finished tool call that was repeated",
    "tool-call-repeated",
    ({ toolCallChanges }) =>
      void toolCallChanges.push({ toolCallId: "tool1", slot: "b", atMs: 760, before: "succeeded", status: "running" }),
  ],
  [
    "a tool call that has not ended",
    "tool-call-not-ended",
    ({ rows }) => {
      first(rows.toolCalls).status = "running";
    },
  ],
  [
    "a model request with an output that differs from the stored one",
    "tool-output-differs",
    ({ modelRequests }) => {
      for (const request of modelRequests) if (request.round === 2) request.outputs = { call_1: { ok: false } };
    },
  ],
  [
    "a repeated model request for a stored round",
    "model-request-repeated",
    ({ modelRequests }) =>
      void modelRequests.push({
        slot: "b",
        questionId: 1,
        round: 1,
        startedAtMs: 790,
        atMs: 790,
        outputs: {},
        fault: null,
      }),
  ],
  ["a model request that was refused", "model-refused-request", ({ modelErrors }) => void modelErrors.push("400: no")],
  [
    "a final text that is incomplete in the chat",
    "reply-incomplete",
    ({ shown }) => {
      const page = first(shown);
      page.text = page.text.slice(0, -20);
    },
  ],
  ["a page that is missing in the chat", "reply-incomplete", ({ shown }) => void shown.shift()],
  ["a page that is twice in a reply", "reply-incomplete", ({ rows }) => void first(rows.replies).messageIds.push(13)],
  [
    "a final text that differs from the model's answer",
    "answer-changed",
    ({ rows }) => {
      first(rows.replies).finalText = "q1 says something else.";
    },
  ],
  [
    "a reply that was not delivered",
    "reply-not-delivered",
    ({ rows }) => {
      first(rows.replies).status = "partial";
    },
  ],
  [
    "a run with too many attempts and no retry button",
    "retry-missing",
    ({ rows }) => {
      Object.assign(first(rows.runs), { status: "failed", errorCode: "TOO_MANY_ATTEMPTS" });
    },
  ],
  [
    "a retry button under a completed answer",
    "leftover-button",
    ({ shown }) => {
      first(shown).buttons = ["retry:run1"];
    },
  ],
  [
    "a leftover stop button",
    "leftover-button",
    ({ shown }) => {
      first(shown).buttons = ["stop:run1"];
    },
  ],
  [
    "replies in a different order than their questions",
    "reply-order",
    ({ shown, rows, telegramCalls, replyChanges }) => {
      const swap = (id: number) => (id === 13 ? 14 : 13);
      for (const message of shown) message.messageId = swap(message.messageId);
      for (const reply of [...rows.replies, ...replyChanges]) reply.messageIds = reply.messageIds.map(swap);
      for (const each of telegramCalls) each.messageId = swap(each.messageId ?? 0);
    },
  ],
  [
    "an extra message without a disturbance",
    "extra-message",
    ({ shown, telegramCalls }) => {
      shown.push({ ...first(shown), messageId: 15 });
      telegramCalls.push(call({ number: 4, slot: "c", messageId: 15, questionId: 1, startedAtMs: 1_400 }));
    },
  ],
  [
    "a duplicate message that the product did not count",
    "duplicate-uncounted",
    ({ shown, telegramCalls }) => {
      shown.push({ ...first(shown), messageId: 15 });
      telegramCalls.push(
        call({ number: 4, slot: "b", messageId: 15, questionId: 1, startedAtMs: 990, outcome: "lost" }),
      );
    },
  ],
  [
    "an extra message of a process that was only asked to stop",
    "extra-message",
    ({ shown, telegramCalls, disturbances }) => {
      shown.push({ ...first(shown), messageId: 15 });
      telegramCalls.push(call({ number: 4, slot: "c", messageId: 15, questionId: 1, startedAtMs: 1_400 }));
      disturbances.push({ kind: "terminate", slot: "c", link: null, fromMs: 1_380, untilMs: 5_000 });
    },
  ],
  [
    "an extra message whose id had been stored",
    "extra-message",
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
      disturbances.push({ kind: "kill", slot: "c", link: null, fromMs: 1_440, untilMs: 5_000 });
    },
  ],
  [
    "a call during a freeze that the process knew of",
    "call-during-freeze",
    ({ telegramCalls }) =>
      void telegramCalls.push(
        call({ number: 4, slot: "c", startedAtMs: 3_000, outcome: "refused", retryAfterSeconds: 3 }),
        call({ number: 5, slot: "c", startedAtMs: 4_000 }),
      ),
  ],
  [
    "a write after a freeze for a run that was taken over",
    "stale-write-after-freeze",
    ({ disturbances, telegramCalls }) => {
      disturbances.push({ kind: "freeze", slot: "a", link: null, fromMs: 250, untilMs: 900 });
      telegramCalls.push(
        call({ number: 4, slot: "a", method: "editMessageText", messageId: 13, questionId: 1, startedAtMs: 950 }),
      );
    },
  ],
  [
    "a late write for a run that was taken over",
    "stale-write",
    ({ telegramCalls }) =>
      void telegramCalls.push(
        call({ number: 4, slot: "a", method: "editMessageText", messageId: 13, questionId: 1, startedAtMs: 1_900 }),
      ),
  ],
  [
    "a process that crashed",
    "process-crashed",
    ({ crashes }) => void crashes.push("b exited unexpectedly with code 1"),
  ],
  [
    "a scenario that timed out",
    "not-finished",
    (recording) => {
      recording.timeoutReason = "after 60000 ms: 1 run open";
    },
  ],
])("%s is found", (_name, check, change) => {
  expect(checksOf(change)).toContain(check);
});

test("a duplicate message after a lost response is counted, and is not a violation", () => {
  const audited = auditOf(({ shown, telegramCalls, rows }) => {
    first(rows.replies).resentCount = 1;
    shown.push({ ...first(shown), messageId: 15 });
    telegramCalls.push(call({ number: 4, slot: "b", messageId: 15, questionId: 1, startedAtMs: 990, outcome: "lost" }));
  });

  expect(audited).toMatchObject({ violations: [], duplicates: 1 });
});

test("a duplicate message of a process that was killed before it stored the id is counted", () => {
  const audited = auditOf(({ shown, telegramCalls, rows }) => {
    first(rows.replies).resentCount = 1;
    shown.push({ ...first(shown), messageId: 15 });
    telegramCalls.push(call({ number: 4, slot: "a", messageId: 15, questionId: 1, startedAtMs: 280 }));
  });

  expect(audited).toMatchObject({ violations: [], duplicates: 1 });
});

test("a run that a person stopped may be cancelled with a partial answer", () => {
  const audited = auditOf(({ rows, stops, shown }) => {
    const partial = completeAnswer(FIRST).slice(0, 60).trim();
    stops.push({ chatId: CHAT_ID, topicId: null, atMs: 1_100 });
    first(rows.runs).status = "cancelled";
    first(rows.replies).finalText = `${partial}\n\n_Stopped._`;
    first(shown).text = `${partial}\n\nStopped.`;
  });

  expect(audited.violations).toEqual([]);
});

test.each([
  ["was on its way when its process was frozen", { slot: "a", round: 1, startedAtMs: 150, atMs: 2_500 }],
  [
    "uses a connection that was opened before the run was claimed",
    { slot: "b", round: 2, startedAtMs: 300, atMs: 720 },
  ],
])("a model request that %s is not a violation", (_name, request) => {
  const audited = auditOf(
    ({ modelRequests }) => void modelRequests.push({ ...request, questionId: 1, outputs: {}, fault: null }),
  );

  expect(audited.violations).toEqual([]);
});

test("a call during a freeze that only another process knew of is counted", () => {
  const audited = auditOf(({ telegramCalls }) => {
    telegramCalls.push(
      call({ number: 4, slot: "c", startedAtMs: 3_000, outcome: "refused", retryAfterSeconds: 3 }),
      call({ number: 5, slot: "b", startedAtMs: 4_000 }),
    );
  });

  expect(audited).toMatchObject({ violations: [], unawareInWindow: 1, refused429: 1 });
});

test("lost counts each question once", () => {
  const audited = auditOf(({ rows, shown }) => {
    shown.length = 0;
    rows.messages.splice(1, 1);
  });

  expect(audited.lost).toBe(2);
});
