import { expect, test } from "vitest";
import { findEntityFaults } from "./entity-faults.ts";
import { answerOfLength } from "./markdown-answers.ts";
import { described, renderMarkdown } from "./markdown-rendering.ts";

test.each([
  [
    "nested lists",
    "1. Đầu\n   - a **b**\n     - `c`\n       1. d\n   - e\n2. Hai\n   1. x\n\n      đoạn\n3. Ba\n\n- [ ] v\n- [x] **w**",
  ],
  [
    "code in a list",
    "1. Bước một:\n\n   ```bash\n   npm ci\n     npm `start`\n   ```\n\n2. Hai\n   ~~~\n   x\n   ~~~\n",
  ],
  [
    "labels",
    "**Tồn kho:** 5\n**Đã hết**: sữa\n- **Cà phê:** 3\n- **Trà** — *ước tính* (**+12 %**)\n\n***\n\n**“a”** 'b' **«c»**",
  ],
  ["emphasis", "***a*** **_b_** _**c**_ ~~d~~ ~~**e**~~ **f *g* h** *i **j** k* chữ**đậm**chữ **注意。**然后"],
  [
    "links",
    "Xem [Wiki **x**](https://vi.example/C%C3%A0_(th%E1%BB%A9c)_x), <https://a.example/b_c> và https://c.example/d_e_f.",
  ],
  [
    "names and sums",
    "snake_case_name, a__b__c, 2 * 3 * 4, 5*3*2, x*y*z, $5 * 3, 1.870.000 ₫, ~5%, C:\\\\x \\* \\_y\\_",
  ],
  ["headings", "# **Đậm** trong `x`\n## 1. Mục **một**\nText\n#### y\n---\nz\n* * *\nw"],
  ["a table", "Bảng:\n\n| Món | Tồn |\n|:--|--:|\n| **Cà phê** 🇻🇳 | 5 |\n| `Trà` 1️⃣ | 12 |\n\nsau"],
  ["a quote", "> **Lưu ý:** hết\n> - a\n> - b\n>\n> [x](https://a.example)\n\nsau[^1]\n\n[^1]: chú thích"],
  ["HTML", "Dùng <b>đậm</b><br>a < b && c > d &amp; <details>\n\nx\n</details>"],
  ["a long answer", answerOfLength(1_500)],
])("growing %s shows nothing that the final text does not show", (_, markdown) => {
  const whole = withoutLayout(renderMarkdown(markdown, { final: true }).text);

  for (let length = 1; length <= markdown.length; length++) {
    const begun = renderMarkdown(markdown.slice(0, length), { final: false });

    expect(whole.slice(0, withoutLayout(begun.text).length)).toBe(withoutLayout(begun.text));
    expect(findEntityFaults(begun)).toEqual([]);
  }
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
  ["see [label](https://a.exa/b_(c", "see label", []],
  ["see [label](https://a.exa/b_(c)_d", "see label", []],
  ["see a[^1", "see a[^1", []],
  ["> [!NO", "[!NO", ["blockquote [!NO"]],
  ["a ***b*** **_", "a b", ["bold b", "italic b"]],
  ["a **b _*", "a b", ["bold b"]],
  ["c**“d", "c“d", ["bold “d"]],
  ["a<br", "a", []],
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
  "a lone %j at the end is held back while the text grows, and is part of the final text",
  (marker) => {
    const unfinished = renderMarkdown(`word ${marker}`, { final: false });
    const final = renderMarkdown(`word ${marker}`, { final: true });

    expect(unfinished.text).toBe("word");
    expect(final.text).toBe(`word ${marker}`);
  },
);

test.each(["-", "*", "+", "1.", "12", "#", "##", "--", "---", "===", "|", "``", ">", "- [ ]", "- [", "  -"])(
  "an ambiguous line of %j is held back",
  (line) => {
    const unfinished = renderMarkdown(`- item\n${line}`, { final: false });

    expect(unfinished.text).toBe("• item");
  },
);

test("text that only looks like markup stays text while it grows", () => {
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

/** The text without what depends on a table's width. */
function withoutLayout(text: string): string {
  return text.replace(/[─\s]+/g, "");
}
