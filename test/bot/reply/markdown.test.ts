import fc from "fast-check";
import { expect, test } from "vitest";
import { type FormattedText, renderMarkdown } from "../../../src/bot/reply/markdown.ts";
import { findEntityFaults } from "./entity-faults.ts";
import { answer, wildMarkdown } from "./markdown-arbitraries.ts";

test.each([
  ["words, Vietnamese, emoji", "Cà phê sữa đá 🍵 hết hàng 👩‍👩‍👧"],
  ["Hebrew and Arabic", "שלום, المنتج (12) نفد"],
  ["double spaces inside a line", "a  b   c"],
  ["line breaks", "one\ntwo\nthree"],
  ["arithmetic", "3 * 4 * 5 = 60, 5*3*2 = 30, 2**3"],
  ["about", "~5% (~10%) of ~20"],
  ["names with underscores", "snake_case_name and __init_x"],
  ["HTML", "<b>x</b> a < b <script>alert(1)</script>"],
  ["HTML over lines", "<div>\n\n<!-- c -->\n\n</div>"],
  ["a lone bracket, reference and footnote", "[x] see [1] and [a][b]"],
  ["a link definition", "[a]: elsewhere"],
  ["unclosed markers", "**bold and `code and [label"],
  ["dong", "1.870.000 ₫ & R&D &unknown;"],
])("final text keeps %s to the character", (_, text) => {
  const rendered = renderMarkdown(text, { final: true });

  expect(rendered).toEqual({ text, entities: [] });
});

test.each([
  ["**b** and __b__", "b and b", ["bold b", "bold b"]],
  ["*i* and _i_", "i and i", ["italic i", "italic i"]],
  ["~~s~~", "s", ["strikethrough s"]],
  ["**b *i* b**", "b i b", ["bold b i b", "italic i"]],
  ["🍵 **đá** x", "🍵 đá x", ["bold đá"]],
  ["`a * b`", "a * b", ["code a * b"]],
  ["**b `c` d**", "b c d", ["bold b", "code c", "bold d"]],
  ["# Title `c`\ntext", "Title c\ntext", ["bold Title", "code c"]],
  ["# A **b**", "A b", ["bold A b"]],
  ["Title\n---\ntext", "Title\ntext", ["bold Title"]],
  ["a \\*b\\* &amp; &#233; &nbsp;x", "a *b* & é \u00a0x", []],
  ["a  \nb\\\nc", "a\nb\nc", []],
  ["a\n\n\n\nb", "a\n\nb", []],
  ["a\n\n---\n\nb", "a\n\n———\n\nb", []],
])("%j is shown as %j", (markdown, text, entities) => {
  const rendered = renderMarkdown(markdown, { final: true });

  expect(rendered.text).toBe(text);
  expect(described(rendered)).toEqual(entities);
});

test("lists keep their numbers, nesting, boxes and the distance of their items", () => {
  const markdown = "- a\n- b\n  - c\n    - d\n\n- e\n\n3. x\n4. y\n\n1) z\n\n- [ ] to do\n- [x] **done**";

  const rendered = renderMarkdown(markdown, { final: true });

  expect(rendered.text).toBe("• a\n• b\n  • c\n    • d\n\n• e\n\n3. x\n4. y\n\n1) z\n\n☐ to do\n☑ done");
  expect(described(rendered)).toEqual(["bold done"]);
});

test("the boxes of a list with blank lines are drawn too", () => {
  const final = renderMarkdown("- [ ] a\n\n- [x] b", { final: true });
  const unfinished = renderMarkdown("- [ ] a\n\n- [x] b", { final: false });

  expect(final.text).toBe("☐ a\n\n☑ b");
  expect(unfinished).toEqual(final);
});

test("paragraphs, code and quotes stay inside their list item", () => {
  const markdown = "1. a\n   b\n\n   c\n\n   ```py\n   if x:\n     y\n   ```\n2. > q\n- ```\n  z\n  ```";

  const rendered = renderMarkdown(markdown, { final: true });

  expect(rendered.text).toBe("1. a\n  b\n\n  c\n\nif x:\n  y\n2. q\n• \nz");
  expect(described(rendered)).toEqual(["pre py if x:\n  y", "blockquote q", "pre z"]);
});

test("a code block keeps its language, its empty lines, its indentation and its markers", () => {
  const rendered = renderMarkdown("x\n```js title=1\n    a **b**\n\n\n  <c> &amp;\n```\ny", { final: true });

  expect(rendered.text).toBe("x\n    a **b**\n\n\n  <c> &amp;\ny");
  expect(described(rendered)).toEqual(["pre js     a **b**\n\n\n  <c> &amp;"]);
});

test("an empty block leaves no gap", () => {
  const rendered = ["```\n```\n\nx", "x\n\n```\n```\n\ny", "> ```\n> ```\n>\n> x", "```\n\nx", "```\n```"].map(
    (markdown) => renderMarkdown(markdown, { final: true }),
  );

  expect(rendered.map(({ text }) => text)).toEqual(["x", "x\n\ny", "x", "x", ""]);
});

test("a quote in a quote joins it", () => {
  const rendered = renderMarkdown("> a **b**\n> > c\n>\n> - d\n\ne", { final: true });

  expect(rendered.text).toBe("a b\nc\n\n• d\n\ne");
  expect(described(rendered)).toEqual(["blockquote a b\nc\n\n• d", "bold b"]);
});

test("a table is aligned by what is seen, with its markup taken out", () => {
  const markdown =
    "| Món | SL | X |\n|---|--:|:-:|\n| **Cà phê** | 10 | a |\n| 🍵 trà \\| `z` | 2 | bcd |\n| phở | | [s](https://a.b) |";

  const rendered = renderMarkdown(markdown, { final: true });

  expect(rendered.text).toBe(
    [
      "Món         SL         X",
      "──────────  ──  ───────────────",
      "Cà phê      10         a",
      "🍵 trà | z   2        bcd",
      "phở             s (https://a.b)",
    ].join("\n"),
  );
  expect(rendered.entities).toEqual([{ type: "pre", offset: 0, length: rendered.text.length }]);
});

test.each([
  [
    "[shop](https://shop.example/a_b?c=d)",
    "shop (https://shop.example/a_b?c=d)",
    ["link https://shop.example/a_b?c=d"],
  ],
  [
    "[https://bank.example](https://evil.example)",
    "https://bank.example (https://evil.example)",
    ["link https://evil.example"],
  ],
  ["[https://a.example](https://a.example)", "https://a.example", ["link https://a.example"]],
  ["https://a.example/b_c_d.", "https://a.example/b_c_d.", ["link https://a.example/b_c_d"]],
  ["<https://a.example>", "https://a.example", ["link https://a.example"]],
  ["![photo](https://a.example/p.png)", "photo (https://a.example/p.png)", ["link https://a.example/p.png"]],
  ["[](https://a.example)", "https://a.example", ["link https://a.example"]],
  ["[mail](mailto:a@b.example)", "mail (a@b.example)", ["email a@b.example"]],
  ["[us](tg://resolve?domain=shop)", "us (tg://resolve?domain=shop)", ["link tg://resolve?domain=shop"]],
  [
    "**[shop](https://a.example)**",
    "shop (https://a.example)",
    ["bold shop (https://a.example)", "link https://a.example"],
  ],
  ["[x](javascript:alert(1))", "x (javascript:alert(1))", []],
  ["[x](data:text/html,y) [z](file:///etc)", "x (data:text/html,y) z (file:///etc)", []],
  ["[x](/local)", "x (/local)", []],
])("link %j shows its address as %j", (markdown, text, links) => {
  const rendered = renderMarkdown(markdown, { final: true });

  expect(rendered.text).toBe(text);
  expect(described(rendered)).toEqual(links);
});

test.each([
  ["a host without a dot", "[x](http://localhost/a)"],
  ["an address that hides its host behind a name", "[x](https://bank.example@evil.example)"],
  ["an address that is none", "[x](https://)"],
  ["an address with a broken character", "[x](https://a&#xd800;&#8;.b)"],
])("an address that Telegram could refuse or misread is not linked: %s", (_, markdown) => {
  const rendered = renderMarkdown(markdown, { final: true });

  expect(rendered.entities).toEqual([]);
  expect(rendered.text).toMatch(/^x \(https?:/);
});

test("control characters, direction marks and lone surrogates never reach Telegram", () => {
  const rendered = renderMarkdown("a\0b\u0007c\r\nd\te\ud83d f\u202eg&#0;&#8;h&#xd800;i&#38;lt;", { final: true });

  expect(rendered.text).toBe("abc\nd\te\ufffd fg\ufffdh\ufffdi&lt;");
});

test("blank text gives no text and no entities", () => {
  const blank = ["", " \n\t\n", "```\n```", "\0"];

  const rendered = blank.flatMap((text) => [true, false].map((final) => renderMarkdown(text, { final })));

  expect(new Set(rendered.map((result) => JSON.stringify(result)))).toEqual(new Set(['{"text":"","entities":[]}']));
});

test.each([
  ["a **bold te", "a bold te", ["bold bold te"]],
  ["a **bold*", "a bold", ["bold bold"]],
  ["a ***both", "a both", ["bold both", "italic both"]],
  ["a **b _c", "a b c", ["bold b c", "italic c"]],
  ["a **b * _", "a b", ["bold b"]],
  ["a ~~gone~", "a gone", ["strikethrough gone"]],
  ["a `co", "a co", ["code co"]],
  ["a **b `c", "a b c", ["bold b", "code c"]],
  ["> **q", "q", ["blockquote q", "bold q"]],
  ["- x\n- **b", "• x\n• b", ["bold b"]],
  ["# **Tit", "Tit", ["bold Tit"]],
  ["```js\nlet a = `b`", "let a = `b`", ["pre js let a = `b`"]],
  ["```js\nlet a;\n``", "let a;", ["pre js let a;"]],
  ["see [the la", "see the la", []],
  ["see [the **la", "see the la", ["bold la"]],
  ["see [label](https://a.exa", "see label", []],
  ["see <https://a.exa", "see", []],
  ["| Món | S", "Món  S\n───  ─", ["pre Món  S\n───  ─"]],
  ["| a | b |\n|--", "a  b\n─  ─", ["pre a  b\n─  ─"]],
  ["| a | b |\n|---|---|\n| **c", "a  b\n─  ─\nc", ["pre a  b\n─  ─\nc"]],
  ["text\n\n| a |\n|-|\n| 1 |\n|", "text\n\na\n─\n1", ["pre a\n─\n1"]],
])("unfinished %j is shown as if closed: %j", (markdown, text, entities) => {
  const rendered = renderMarkdown(markdown, { final: false });

  expect(rendered.text).toBe(text);
  expect(described(rendered)).toEqual(entities);
});

test.each(["*", "**", "`", "_", "~", "~~", "[", "![", "\\", "<", "&am", "<a"])(
  "a lone %j at the end waits while the text grows, and is kept in the final text",
  (marker) => {
    const unfinished = renderMarkdown(`word ${marker}`, { final: false });
    const final = renderMarkdown(`word ${marker}`, { final: true });

    expect(unfinished.text).toBe("word");
    expect(final.text).toBe(`word ${marker}`);
  },
);

test.each(["-", "*", "+", "1.", "12", "#", "##", "--", "---", "===", "|", "``", ">", "- [ ]", "- [", "  -"])(
  "a line of %j, which may become anything, waits for what follows it",
  (line) => {
    const unfinished = renderMarkdown(`- item\n${line}`, { final: false });

    expect(unfinished.text).toBe("• item");
  },
);

test("what only looks like markup is not guessed to be any while the text grows", () => {
  const texts = [
    "5*3",
    "a * b",
    "3 *. x",
    "snake_case",
    "2**3",
    "R&D",
    "a [1] b",
    "42",
    "Total:\n\n42",
    "5 < 6",
    "~5%",
  ];

  const rendered = texts.map((text) => renderMarkdown(text, { final: false }));

  expect(rendered).toEqual(texts.map((text) => ({ text, entities: [] })));
});

test("the first half of an emoji at the end of unfinished text is not shown", () => {
  const rendered = renderMarkdown("tea \ud83c", { final: false });

  expect(rendered.text).toBe("tea");
});

test("complete markup looks the same before and after the text is final", () => {
  fc.assert(
    fc.property(answer, (text) => {
      expect(renderMarkdown(`${text}\n\n`, { final: false })).toEqual(renderMarkdown(text, { final: true }));
    }),
    { numRuns: 50 },
  );
});

test("whatever a model writes, Telegram takes text and entities", () => {
  fc.assert(
    fc.property(fc.oneof(wildMarkdown, fc.string({ unit: "binary" }), answer), fc.boolean(), (text, final) => {
      expect(findEntityFaults(renderMarkdown(text, { final }))).toEqual([]);
    }),
    { numRuns: 800 },
  );
});

test.each([
  ["quotes", ">".repeat(5_000)],
  ["lists", "- ".repeat(5_000)],
  ["emphasis", `${"*a _b ".repeat(2_000)}${"c_ d* ".repeat(2_000)}`],
  ["unclosed emphasis", `${"*".repeat(20_000)}a`],
  ["brackets", "[".repeat(10_000)],
])("%s nested thousands deep do not end a reply", (_, nested) => {
  const rendered = [true, false].map((final) => renderMarkdown(`${nested}x`, { final }));

  expect(rendered.map((result) => result.text.endsWith("x"))).toEqual([true, true]);
});

/** Each entity as its type and the text under it. */
function described({ text, entities }: FormattedText): string[] {
  return entities.map((entity) => {
    const content = text.slice(entity.offset, entity.offset + entity.length);
    if (entity.type === "text_link")
      return entity.url === content ? `link ${content}` : `link ${content} -> ${entity.url}`;
    return entity.type === "pre" && entity.language ? `pre ${entity.language} ${content}` : `${entity.type} ${content}`;
  });
}
