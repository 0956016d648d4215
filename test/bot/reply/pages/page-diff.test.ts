import { expect, test } from "vitest";
import { createShownPages } from "../../../../src/bot/reply/pages/page-diff.ts";

const page = (text: string) => ({ text, entities: [] });

test("messages of an earlier attempt beyond the last page are removed, at the end only", () => {
  const shown = createShownPages([11, 12, 13]);
  const growing = shown.stepsTo({ pages: [page("new")], isFinal: false, button: "stop" });

  const final = shown.stepsTo({ pages: [page("new")], isFinal: true, button: null });

  expect(growing.map(({ kind }) => kind)).toEqual(["edit"]);
  expect(final.map((step) => [step.kind, "shown" in step ? step.shown.messageId : null])).toEqual([
    ["edit", 11],
    ["remove", 12],
    ["remove", 13],
  ]);
});

test("what is shown already needs no call, but for the stop button that goes at the end", () => {
  const shown = createShownPages([]);
  shown.sent(11, { ...page("all"), button: "stop" });

  expect(shown.stepsTo({ pages: [page("all")], isFinal: false, button: "stop" })).toEqual([]);
  expect(shown.stepsTo({ pages: [page("all")], isFinal: true, button: null })).toMatchObject([
    { kind: "edit", page: page("all") },
  ]);
});

test("a message that is gone is left alone", () => {
  const shown = createShownPages([11]);
  for (const step of shown.stepsTo({ pages: [page("new")], isFinal: false, button: "stop" })) {
    if ("shown" in step) step.shown.gone = true;
  }

  expect(shown.stepsTo({ pages: [page("newer")], isFinal: true, button: null })).toEqual([]);
});
