import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fold, wordsOf } from "../../../../src/db/queries/search/fold.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { fc } from "../../../support/property.ts";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase();
});
afterAll(() => testDatabase.close());

const PIECES = [
  "cà phê",
  "CÀ PHÊ",
  "Đường đá",
  "sữa".normalize("NFD"),
  "NGHIÊNG",
  "Trà ",
  "iced latte",
  "don't",
  "e-mail",
  "1e5",
  "1E5",
  "2e3x",
  "12e",
  "187.000",
  "₫",
  "50%",
  "0x1F",
  "007",
  "sku-001",
  "v2.1",
  "a@b.c",
  "https://shop.vn/path?x=1&y=2",
  "/path/to",
  "<b>&amp;</b>",
  "'quoted'",
  "\\",
  ":*",
  "&|!",
  "🧋",
  "👨‍👩‍👧",
  "☕️",
  "🇻🇳",
  "½",
  "10²",
  "×",
  "ΟΔΟΣ",
  "ПРИВЕТ",
  "กาแฟ",
  "咖啡、茶",
  "İ",
  "ẞ",
  "\u0301",
  "\n",
  "\t",
  " ",
  " ",
  "…",
  "–",
];

const anyText = fc
  .array(
    fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 8 }), fc.string({ unit: "grapheme", maxLength: 4 })),
  )
  .map((pieces) => pieces.join("").replaceAll("\0", "").toWellFormed());

test("JavaScript and the database find the same words in any text, in the same order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyText, { minLength: 20, maxLength: 20 }), async (texts) => {
      expect(texts.map((text) => wordsOf(text).map((word) => word.folded))).toEqual(await storedWords(texts));
    }),
    { numRuns: 60 },
  );
});

test("a word has its correct range in the text, in NFC and NFD", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const { folded, start, end } of wordsOf(text)) expect(fold(text.slice(start, end))).toBe(folded);
    }),
  );
  const decomposed = "Một ly cà phê SỮA đá!".normalize("NFD");
  expect(wordsOf(decomposed).map(({ start, end }) => decomposed.slice(start, end).normalize())).toEqual([
    "Một",
    "ly",
    "cà",
    "phê",
    "SỮA",
    "đá",
  ]);
});

test.each([
  ["187.000 ₫", ["187", "000"]],
  ["a@b.c", ["a", "b", "c"]],
  ["SKU-001/v2.1", ["sku", "001", "v2", "1"]],
  ["https://shop.vn/path", ["https", "shop", "vn", "path"]],
  ["1e5 1e5ml x1e5", ["1e5", "1e5", "ml", "x1e5"]],
  ["Nước ĐÁ, đường", ["nuoc", "da", "duong"]],
  [`x ${"y".repeat(2_047)} z`, ["x", "z"]],
])("searches are split into words like stored text: %s", async (text, words) => {
  expect(wordsOf(text).map((word) => word.folded)).toEqual(words);
  expect(await storedWords([text])).toEqual([words]);
});

/** The words as the database stores them, by position. */
async function storedWords(texts: readonly string[]): Promise<string[][]> {
  const rows = await testDatabase.db.execute<{ words: string[] }>(sql`
    select coalesce((select array_agg(lexeme order by position)
      from unnest(words_of(said)) as word(lexeme, positions, weights), unnest(positions) as position), '{}') as words
    from jsonb_array_elements_text(${JSON.stringify(texts)}::text::jsonb) with ordinality as text(said, place) order by place`);
  return rows.map((row) => row.words);
}
