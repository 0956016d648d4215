/** What a person may read of a model's text, however it is cut into pieces. */
import { expect, test } from "vitest";
import { createVisibleText } from "../../../../src/assistant/model/text/visible-text.ts";
import { fc } from "../../../support/property.ts";

/** Shows a text that comes in these pieces. */
function show(pieces: readonly string[], beginsInThinking = false) {
  const text = createVisibleText({ beginsInThinking });
  const shown = pieces.map((piece) => text.write(piece)).join("") + text.end();
  return { shown, whole: text.whole(), hasCall: text.hasCall(), beganInThinking: text.beganInThinking() };
}

function cut(text: string, places: readonly number[]): string[] {
  const ends = [...new Set(places.map((place) => place % (text.length + 1)))].toSorted((one, other) => one - other);
  return [...ends, text.length].map((end, index) => text.slice(index === 0 ? 0 : ends[index - 1], end));
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });

const fence = "```";
const THINKING: [string, string][] = [
  ["<think>they want revenue</think>\n\n4.390.500 ₫", "4.390.500 ₫"],
  ["<think>\n\n</think>\n\n4.390.500 ₫", "4.390.500 ₫"],
  ["  <thinking>\nfirst\n</thinking>4.390.500 ₫", "  4.390.500 ₫"],
  ["<THINK>loud</THINK> 4.390.500 ₫", "4.390.500 ₫"],
  ["<seed:think>budget</seed:think>4.390.500 ₫", "4.390.500 ₫"],
  ["[THINK]a[/THINK]4.390.500 ₫", "4.390.500 ₫"],
  ["◁think▷a◁/think▷4.390.500 ₫", "4.390.500 ₫"],
  ["<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>4.390.500 ₫", "4.390.500 ₫"],
  ["<|channel>thought\nhm\n<channel|>4.390.500 ₫", "4.390.500 ₫"],
  ["Yesterday <think>which one?</think>brought 4.390.500 ₫", "Yesterday brought 4.390.500 ₫"],
  ["4.390.500 ₫<|im_end|>", "4.390.500 ₫"],
  ["4.390.500 ₫<｜end▁of▁sentence｜>", "4.390.500 ₫"],
  ["4.390.500 ₫\n<think>and never an end", "4.390.500 ₫\n"],
  ["it`s <think>a stray backtick</think>\n4.390.500 ₫", "it`s \n4.390.500 ₫"],
];

test.each(THINKING)("thinking and control tokens are not shown, cut anywhere: %j", (text, visible) => {
  fc.assert(
    fc.property(cuts, (places) => {
      const result = show(cut(text, places));

      expect(result).toMatchObject({ shown: visible, whole: visible, hasCall: false });
    }),
    { numRuns: 200 },
  );
  expect(show([...text]).shown).toBe(visible);
});

const CODE = [
  "Write `<think>` before it.",
  "Write `<tool_call>` and ``a ` <think>`` there.",
  `${fence}html\n<think>a</think>\n<tool_call>{}</tool_call>\n${fence}\nDone.`,
  `1. Example:\n   ${fence}\n   <think>\n   ${fence}\n2. End.`,
  `~~~~\n<think>\n~~~\n</think>\n~~~~\nEnd.`,
  "a < b, 3 <5, <b>bold</b>, <- here, [link](https://example.com), [thinking], <thinker>, ◁ and <",
  "No code: ~50 and `a` and [tool] and <x",
];

test.each(CODE)("code that speaks of markup stays, and so does all other text, cut anywhere: %j", (text) => {
  fc.assert(
    fc.property(cuts, (places) => {
      expect(show(cut(text, places))).toMatchObject({ shown: text, whole: text, hasCall: false });
    }),
    { numRuns: 200 },
  );
  expect(show([...text]).shown).toBe(text);
});

test.each([
  '<tool_call>\n{"name": "CheckOutOfStock", "arguments": {}}\n</tool_call>',
  "<function=CheckOutOfStock>{}</function>",
  '<function_calls><invoke name="CheckOutOfStock"></invoke></function_calls>',
  '[TOOL_CALLS][{"name": "CheckOutOfStock", "arguments": {}}]',
  "<|python_tag|>CheckOutOfStock()",
  "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function",
  "<|tool_calls_section_begin|><|tool_call_begin|>functions.CheckOutOfStock:0",
  "<|channel|>commentary to=functions.CheckOutOfStock <|constrain|>json<|message|>{}<|call|>",
  '<minimax:tool_call><invoke name="CheckOutOfStock">',
  '<｜DSML｜function_calls>\n<｜DSML｜invoke name="CheckOutOfStock">',
  '<|DSML|tool_calls><|DSML|invoke name="CheckOutOfStock">',
])("a tool call that is written as text is not shown, cut anywhere: %j", (call) => {
  fc.assert(
    fc.property(cuts, fc.constantFrom("", "Let me look.\n"), (places, before) => {
      expect(show(cut(before + call, places))).toMatchObject({ shown: before, whole: before, hasCall: true });
    }),
    { numRuns: 200 },
  );
});

test("text without markup is shown at once, piece by piece as it came", () => {
  const text = createVisibleText({ beginsInThinking: false });

  expect(["**4.390", ".500 ₫**\n", "1. `a` ", "``` b"].map((piece) => text.write(piece))).toEqual([
    "**4.390",
    ".500 ₫**\n",
    "1. `a` ",
    "``` b",
  ]);
});

test("thinking whose begin the server swallowed is taken back at its end", () => {
  expect(show(["They want ", "revenue.\n</th", "ink>\n\n4.390.500 ₫"])).toMatchObject({
    whole: "4.390.500 ₫",
    beganInThinking: true,
  });
});

test("from then on nothing is shown before the end of thinking, and everything when there is none", () => {
  expect(show(["They want ", "revenue.</think>\n\n4.390.500 ₫"], true)).toMatchObject({
    shown: "4.390.500 ₫",
    beganInThinking: true,
  });
  expect(show(["4.390.500 ", "₫"], true)).toMatchObject({ shown: "4.390.500 ₫", beganInThinking: false });
});

test("an end of thinking after the whole answer takes nothing away", () => {
  expect(show(["4.390.500 ₫", "</think>\n"]).whole).toBe("4.390.500 ₫");
});

test("any text comes out the same however it is cut", () => {
  const pieces = fc.constantFrom(
    "<",
    "think",
    ">",
    "</",
    "`",
    fence,
    "~~~",
    "\n",
    " ",
    "a",
    "[",
    "|",
    "<|",
    "tool_call",
    "₫",
  );

  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), cuts, (words, places) => {
      const text = words.join("");
      const whole = show([text]);

      expect(show(cut(text, places)).whole).toBe(whole.whole);
      expect(show([...text]).whole).toBe(whole.whole);
    }),
    { numRuns: 3_000 },
  );
});
