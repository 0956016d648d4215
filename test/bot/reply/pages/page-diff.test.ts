import { expect, test } from "vitest";
import { createSentPages } from "../../../../src/bot/reply/pages/page-diff.ts";

const page = (text: string) => ({ text, entities: [] });

test("surplus messages of an earlier attempt are removed, but only at the end", () => {
  const sentPages = createSentPages([11, 12, 13]);
  const growing = sentPages.stepsTo({ pages: [page("new")], isFinal: false, button: "stop" });

  const final = sentPages.stepsTo({ pages: [page("new")], isFinal: true, button: null });

  expect(growing.map(({ kind }) => kind)).toEqual(["edit"]);
  expect(final.map((step) => [step.kind, "sent" in step ? step.sent.messageId : null])).toEqual([
    ["edit", 11],
    ["remove", 12],
    ["remove", 13],
  ]);
});

test("a page that the chat already shows needs no call, except to remove the stop button at the end", () => {
  const sentPages = createSentPages([]);
  sentPages.recordSend(11, { ...page("all"), button: "stop" });

  expect(sentPages.stepsTo({ pages: [page("all")], isFinal: false, button: "stop" })).toEqual([]);
  expect(sentPages.stepsTo({ pages: [page("all")], isFinal: true, button: null })).toMatchObject([
    { kind: "edit", page: page("all") },
  ]);
});

test("a message that is gone gets no more calls", () => {
  const sentPages = createSentPages([11]);
  for (const step of sentPages.stepsTo({ pages: [page("new")], isFinal: false, button: "stop" })) {
    if ("sent" in step) step.sent.isGone = true;
  }

  expect(sentPages.stepsTo({ pages: [page("newer")], isFinal: true, button: null })).toEqual([]);
});
