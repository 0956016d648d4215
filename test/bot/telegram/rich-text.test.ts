/** Rich messages as plain text. */
import { expect, test } from "vitest";
import { flattenRichMessage } from "../../../src/bot/telegram/rich-text.ts";
import { fc } from "../../support/property.ts";

const flat = (...blocks: unknown[]) => flattenRichMessage({ blocks });
const paragraph = (text: unknown) => ({ type: "paragraph", text });

test.each<[string, unknown[], string]>([
  ["formatted text", [paragraph(["a ", { type: "bold", text: ["b", { type: "italic", text: "c" }] }])], "a bc"],
  ["headings and paragraphs", [{ type: "heading", size: 1, text: "Stock" }, paragraph("milk")], "Stock\nmilk"],
  [
    "a list with its labels",
    [
      {
        type: "list",
        items: [
          { label: "1.", blocks: [paragraph("one"), paragraph("more")] },
          { label: "b)", blocks: [paragraph("two")] },
          { label: "•", has_checkbox: true, is_checked: true, blocks: [paragraph("done")] },
          { label: "•", has_checkbox: true, blocks: [paragraph("open")] },
        ],
      },
    ],
    "1. one\n  more\nb) two\n• [x] done\n• [ ] open",
  ],
  [
    "a table, its cells parted by tabs",
    [
      {
        type: "table",
        caption: "May",
        cells: [
          [{ text: "milk" }, { text: "6" }],
          [{}, { text: { type: "bold", text: "7" } }],
        ],
      },
    ],
    "May\nmilk\t6\n\t7",
  ],
  [
    "quotes with their authors, and details",
    [
      { type: "blockquote", blocks: [paragraph("so it is")], credit: "Linh" },
      { type: "details", summary: "More", blocks: [paragraph("inside")] },
    ],
    "so it is\nLinh\nMore\ninside",
  ],
  [
    "pictures with their captions, and maps",
    [
      { type: "photo", photo: [], caption: { text: "the shelf", credit: "Linh" } },
      { type: "voice_note" },
      { type: "map", location: {}, zoom: 15 },
    ],
    "[photo] the shelf\nLinh\n[voice note]\n[map]",
  ],
  [
    "formulas and emoji",
    [
      paragraph([
        { type: "mathematical_expression", expression: "x^2" },
        { type: "custom_emoji", alternative_text: "☕" },
      ]),
    ],
    "x^2☕",
  ],
  [
    "a block of a later version",
    [{ type: "hologram", text: "spin", blocks: [paragraph("it")] }, { type: 5 }, null],
    "[hologram] spin\nit\n[block]\n[block]",
  ],
])("%s", (_name, blocks, text) => {
  expect(flat(...blocks).text).toBe(text);
});

test("people that are mentioned without a username are links", () => {
  const { links } = flat(
    paragraph([
      { type: "text_mention", text: "Linh", user: { id: 42 } },
      { type: "url", text: "bot", url: "tg://user?id=43" },
      { type: "url", text: "site", url: "https://example.com/?id=44" },
    ]),
  );

  expect(links).toEqual(["tg://user?id=42", "tg://user?id=43", "https://example.com/?id=44"]);
});

test.each<[string, unknown[], { hasWords: boolean; hasAttachment: boolean }]>([
  ["words", [paragraph("milk?")], { hasWords: true, hasAttachment: false }],
  ["a formula", [{ type: "mathematical_expression", expression: "x" }], { hasWords: true, hasAttachment: false }],
  [
    "buttons and a line",
    [{ type: "buttons", buttons: [] }, { type: "divider" }],
    { hasWords: false, hasAttachment: false },
  ],
  ["a picture", [{ type: "photo", photo: [] }], { hasWords: false, hasAttachment: true }],
  [
    "a picture in a quote",
    [{ type: "blockquote", blocks: [{ type: "video" }] }],
    { hasWords: false, hasAttachment: true },
  ],
  [
    "pictures with a text",
    [{ type: "collage", blocks: [{ type: "photo", caption: { text: "milk" } }] }],
    { hasWords: true, hasAttachment: true },
  ],
  ["a later block", [paragraph("see"), { type: "hologram" }], { hasWords: true, hasAttachment: true }],
])("words and attachments of %s", (_name, blocks, expected) => {
  expect(flat(...blocks)).toMatchObject(expected);
});

test("any JSON is flattened, to at most 131,072 units of valid text", () => {
  const fields = fc.constantFrom("type", "text", "blocks", "items", "cells", "caption", "label", "button", "summary");
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 8 },
      fc.string({ unit: "binary" }),
      fc.constantFrom(null, 5, true, "paragraph", "list", "table", "\ud800"),
      fc.array(tie("tree"), { maxLength: 4 }),
      fc.dictionary(fields, tie("tree"), { maxKeys: 4 }),
    ),
  }));

  fc.assert(
    fc.property(tree, (value) => {
      for (const message of [value, { blocks: value }, { blocks: [value] }]) {
        const { text } = flattenRichMessage(message);
        expect(text.isWellFormed()).toBe(true);
        expect(text.length).toBeLessThanOrEqual(131_072);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("deep nesting and endless text end somewhere", () => {
  let deep: unknown = "x";
  for (let level = 0; level < 5_000; level += 1) deep = { type: "bold", text: deep };

  expect(flat(paragraph(deep)).text).toBe("");
  expect(flat(...Array.from({ length: 100 }, () => paragraph("y".repeat(10_000)))).text.length).toBeLessThanOrEqual(
    131_072,
  );
});
