import { expect, test } from "vitest";
import { fc } from "../../../support/property.ts";
import { findEntityFaults } from "./entity-faults.ts";
import { answer, wildMarkdown } from "./markdown-arbitraries.ts";
import { described, renderMarkdown } from "./markdown-rendering.ts";

test.each([
  ["words, Vietnamese, emoji", "Cà phê sữa đá 🍵 hết hàng 👩‍👩‍👧"],
  ["Hebrew and Arabic", "שלום, المنتج (12) نفد"],
  ["double spaces inside a line", "a  b   c"],
  ["line breaks", "one\ntwo\nthree"],
  ["arithmetic", "3 * 4 * 5 = 60, 5*3*2 = 30, 2**3, $5 * 3, x*y*z = (a)*(b)*c"],
  ["about", "~5% (~10%) of ~20"],
  ["names with underscores", "snake_case_name and __init_x"],
  ["a first row too long for a table", `| ${"x".repeat(500)} |\n|---|`],
  ["HTML", "<b>x</b> a < b <script>alert(1)</script>"],
  ["HTML over lines", "<div>\n\n<!-- c -->\n\n</div>"],
  ["prices", "25.000₫/ly, $5, €3, 12 %"],
  ["mathematics in dollars", "$x_1 + x_2$ and $$y = x^2$$"],
  ["a footnote", "a[^1]\n\n[^1]: b"],
  ["a lone bracket, reference and footnote", "[x] see [1] and [a][b]"],
  ["a link definition", "[a]: elsewhere"],
  ["unclosed markers", "**bold and `code and [label"],
  ["dong", "1.870.000 ₫ & R&D &unknown;"],
])("final text keeps %s exactly", (_, text) => {
  const rendered = renderMarkdown(text, { final: true });

  expect(rendered).toEqual({ text, entities: [] });
});

test.each([
  ["**b** and __b__", "b and b", ["bold b", "bold b"]],
  ["*i* and _i_", "i and i", ["italic i", "italic i"]],
  ["~~s~~", "s", ["strikethrough s"]],
  ["**Tồn kho:** 5, **Đã hết**: sữa", "Tồn kho: 5, Đã hết: sữa", ["bold Tồn kho:", "bold Đã hết"]],
  ["chữ**đậm**chữ", "chữđậmchữ", ["bold đậm"]],
  ["**“a”**b và c**(d)**", "“a”b và c(d)", ["bold “a”", "bold (d)"]],
  ["**注意。**然后*斜*体", "注意。然后斜体", ["bold 注意。", "italic 斜"]],
  ["***a*** **_b_** _**c**_", "a b c", ["bold a", "italic a", "bold b", "italic b", "bold c", "italic c"]],
  ["a<br>b<br/> c `<br>`", "a\nb\nc <br>", ["code <br>"]],
  ["\\(a^2\\) \\$5 \\1", "(a^2) $5 \\1", []],
  ["~~~py\na\n~~~\n````\n```\n````", "a\n```", ["pre py a", "pre ```"]],
  ["> [!NOTE]\n> a", "[!NOTE]\na", ["blockquote [!NOTE]\na"]],
  ["**b *i* b**", "b i b", ["bold b i b", "italic i"]],
  ["🍵 **đá** x", "🍵 đá x", ["bold đá"]],
  ["`a * b`", "a * b", ["code a * b"]],
  ["**b `c` d**", "b c d", ["bold b", "code c", "bold d"]],
  ["# Title `c`\ntext", "Title c\ntext", ["bold Title", "code c"]],
  ["# A **b**", "A b", ["bold A b"]],
  ["Title\n---\ntext", "Title\ntext", ["bold Title"]],
  ["a \\*b\\* &amp; &#233; &nbsp;x", "a *b* & é \u00a0x", []],
  // Not a character reference, although every object has a property of that name.
  ["&constructor; &toString; &valueOf; &hasOwnProperty;", "&constructor; &toString; &valueOf; &hasOwnProperty;", []],
  ["a  \nb\\\nc", "a\nb\nc", []],
  ["a\n\n\n\nb", "a\n\nb", []],
  ["a\n\n---\n\nb", "a\n\n———\n\nb", []],
])("%j is shown as %j", (markdown, text, entities) => {
  const rendered = renderMarkdown(markdown, { final: true });

  expect(rendered.text).toBe(text);
  expect(described(rendered)).toEqual(entities);
});

test("lists keep their numbers, nesting, checkboxes and the gaps between items", () => {
  const markdown = "- a\n- b\n  - c\n    - d\n\n- e\n\n3. x\n4. y\n\n1) z\n\n- [ ] to do\n- [x] **done**";

  const rendered = renderMarkdown(markdown, { final: true });

  expect(rendered.text).toBe("• a\n• b\n  • c\n    • d\n\n• e\n\n3. x\n4. y\n\n1) z\n\n☐ to do\n☑ done");
  expect(described(rendered)).toEqual(["bold done"]);
});

test("a list with blank lines keeps its checkboxes", () => {
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

test("a nested quote becomes part of the outer one", () => {
  const rendered = renderMarkdown("> a **b**\n> > c\n>\n> - d\n\ne", { final: true });

  expect(rendered.text).toBe("a b\nc\n\n• d\n\ne");
  expect(described(rendered)).toEqual(["blockquote a b\nc\n\n• d", "bold b"]);
});

test("a table is aligned by its visible width, without markup", () => {
  const markdown =
    "| Món | SL | X |\n|---|--:|:-:|\n| **Cà phê** | 10 | a |\n| 🍵 trà \\| `z` | 2 | bcd |\n| phở | | [s](https://a.b) |\n| 👩‍👩‍👧 🇻🇳 1️⃣ | 7 | x<br>y |";

  const rendered = renderMarkdown(markdown, { final: true });

  expect(rendered.text).toBe(
    [
      "Món         SL         X",
      "──────────  ──  ───────────────",
      "Cà phê      10         a",
      "🍵 trà | z   2        bcd",
      "phở             s (https://a.b)",
      "👩‍👩‍👧 🇻🇳 1️⃣     7        x y",
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
  [
    "[Wiki](https://vi.example/C%C3%A0_(th%E1%BB%A9c)_x) (và [y](https://y.example/b_(c)))",
    "Wiki (https://vi.example/C%C3%A0_(th%E1%BB%A9c)_x) (và y (https://y.example/b_(c)))",
    ["link https://vi.example/C%C3%A0_(th%E1%BB%A9c)_x", "link https://y.example/b_(c)"],
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
])("an address that Telegram could refuse or misread is not a link: %s", (_, markdown) => {
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

test("complete markup looks the same before and after the text is final", () => {
  fc.assert(
    fc.property(answer, (text) => {
      expect(renderMarkdown(`${text}\n\n`, { final: false })).toEqual(renderMarkdown(text, { final: true }));
    }),
    { numRuns: 50 },
  );
});

test("Telegram accepts text and entities of any Markdown", () => {
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
])("%s nested thousands of levels deep do not break a reply", (_, nested) => {
  const rendered = [true, false].map((final) => renderMarkdown(`${nested}x`, { final }));

  expect(rendered.map((result) => result.text.endsWith("x"))).toEqual([true, true]);
});
