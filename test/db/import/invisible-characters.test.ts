import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import {
  faultsOf,
  productsFile,
  salesFile,
  sellFrom,
  stockFrom,
  storedImports,
  storedProducts,
} from "./import-support.ts";

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.close());

const INVISIBLE = [
  ["zero width space", "U+200B (zero width space)", 0x200b],
  ["zero width non-joiner", "U+200C (zero width non-joiner)", 0x200c],
  ["zero width joiner", "U+200D (zero width joiner)", 0x200d],
  ["word joiner", "U+2060 (word joiner)", 0x2060],
  ["soft hyphen", "U+00AD (soft hyphen)", 0x00ad],
  ["byte order mark", "U+FEFF (byte order mark)", 0xfeff],
  ["left-to-right mark", "U+200E (text direction)", 0x200e],
  ["override", "U+202E (text direction)", 0x202e],
  ["isolate", "U+2068 (text direction)", 0x2068],
  ["Arabic letter mark", "U+061C (text direction)", 0x061c],
  ["variation selector", "U+FE0F (variation selector)", 0xfe0f],
  ["variation selector supplement", "U+E0100 (variation selector)", 0xe0100],
  ["Hangul filler", "U+3164 (filler)", 0x3164],
  ["half-width Hangul filler", "U+FFA0 (filler)", 0xffa0],
  ["tag", "U+E0041 (invisible)", 0xe0041],
  ["combining grapheme joiner", "U+034F (invisible)", 0x034f],
  ["invisible times", "U+2062 (invisible)", 0x2062],
  ["Braille blank", "U+2800 (blank)", 0x2800],
  ["object replacement", "U+FFFC (blank)", 0xfffc],
  ["control character", "U+0007 (control character)", 0x07],
  ["next line", "U+0085 (control character)", 0x85],
  ["line separator", "U+2028 (line break)", 0x2028],
  ["no-break space", "U+00A0 (no-break space)", 0x00a0],
  ["narrow no-break space", "U+202F (special space)", 0x202f],
  ["ideographic space", "U+3000 (special space)", 0x3000],
  ["private use", "U+E000 (private use)", 0xe000],
  ["unassigned", "U+0378 (unassigned)", 0x0378],
  ["replacement character", "U+FFFD (replacement character)", 0xfffd],
] as const;

test.each(INVISIBLE)("a key must not contain an invisible character: %s", async (_, name, code) => {
  const key = `AB${String.fromCodePoint(code)}C`;
  const escaped =
    code > 0xffff
      ? `\\u{${code.toString(16).toUpperCase()}}`
      : `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
  const reason = `"AB${escaped}C" contains ${name} at position 3, which is invisible: type it again`;

  const inStock = await faultsOf(stockFrom(store.database, productsFile(`${key},Latte,,,,1,`)));
  const inSales = await faultsOf(
    sellFrom(store.database, salesFile("R1,2026-11-14T09:31,A,1,1,", `${key},2026-11-14T09:31,${key},1,1,`)),
  );

  expect(inStock).toEqual([`2 sku: ${reason}`]);
  expect(inSales).toEqual([`3 receipt: ${reason}`, `3 sku: ${reason}`]);
  expect(await storedImports(store.db)).toEqual([]);
});

test("a key may use any script, signs and single spaces, and marks around it are ignored", async () => {
  const skus = ["CÀ-PHÊ 01", "咖啡/2", "กาแฟ", "قهوة", "☕", "ÀB"];
  const padded = skus.map((sku) => `\uFEFF\u00A0${sku}\u3000,Name,,,,1,`);

  await stockFrom(store.database, productsFile(...padded, "e\u0301,Name,,,,1,"));

  expect(new Set((await storedProducts(store.db)).map(({ sku }) => sku))).toEqual(new Set([...skus, "é"]));
});

test("a name may contain joiners, but no directional formatting, and must be visible", async () => {
  const fault = (name: string) => faultsOf(stockFrom(store.database, productsFile(`N1,${name},,,,1,`)));

  expect(await fault("Latte \u202E00054")).toEqual([
    '2 name: "Latte \\u202E00054" contains U+202E (text direction) at position 7, which changes the direction of the text around it: type it again',
  ]);
  expect(await fault("\u2067Latte")).toHaveLength(1);
  expect(await fault("\u200B\u3164")).toEqual(['2 name: "\\u200B\\u3164" has no visible characters']);
  await stockFrom(store.database, productsFile("N2,👩‍🍳 می‌خواهم ☕️,,,,1,"));
  expect((await storedProducts(store.db)).find(({ sku }) => sku === "N2")?.name).toBe("👩‍🍳 می‌خواهم ☕️");
});

test("a fault shows invisible characters of its cell, and a header is read without them", async () => {
  const file = productsFile("A,Name,,1\u200B000,,1,").replace("sku,name", "\u200Bsku\u00AD,na\u2060me");

  expect(await faultsOf(stockFrom(store.database, file))).toEqual([
    '2 price: "1\\u200B000" is not a plain number such as 187000 or 4.50',
  ]);
});
