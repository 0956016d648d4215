import { afterAll, beforeAll, expect, test } from "vitest";
import { createExcerptFinder, MAX_SEARCHED_LENGTH } from "../../../src/graphql/lists/excerpts.ts";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import { insertMessages, insertThread, instant } from "../../support/conversations.ts";
import { fc } from "../../support/property.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
afterAll(() => admins.close());

const SAID = [
  "Cà phê sữa đá, 2 ly",
  "cà phê đen".normalize("NFD"),
  "Đã hết cá hồi",
  "187.000 ₫ today, and 1e5 in all",
  "SKU-001/v2.1: see https://shop.vn/menu",
  "mail a@b.c about the iced latte beans",
  "latte, iced",
  "beans of Đà Lạt🧋",
];

beforeAll(async () => {
  admins = await startAdminApi();
  for (const [index, text] of SAID.entries()) {
    const at = instant(`2026-11-15T08:0${index}:00Z`);
    const thread = await insertThread(admins.db, { title: `${index}`, lastActivityAt: at });
    await insertMessages(admins.db, thread.id, [{ text, createdAt: at }]);
  }
});

test.each([
  ["ca phe", [1, 0]],
  ["PHÊ CÀ", [1, 0]],
  ["ca".normalize("NFD"), [2, 1, 0]],
  ["đa", [7, 2, 0]],
  ["da ca", [2, 0]],
  ['"sữa đá"', [0]],
  ['"đá sữa"', []],
  ["“iced latte”", [5]],
  ["iced latte", [6, 5]],
  ['iced "latte', [6, 5]],
  ["bean", []],
  ["bean*", [7, 5]],
  ['"latte bean*"', [5]],
  ["187.000", [3]],
  ["187", [3]],
  ["1e5", [3]],
  ["sku-001", [4]],
  ["v2.1", [4]],
  ["/menu", [4]],
  ["a@b.c", [5]],
  ["lat🧋beans", [7]],
  ["đalat", []],
])("messages are found by words: %s", async (text, expected) => {
  const data = await admins.query(
    `query ($text: String!) { messages(filter: { text: $text }) { totalCount nodes { text excerpts(matching: $text) { highlights { length } } } }
      threads(filter: { text: $text }) { totalCount nodes { title } } }`,
    { text },
  );

  const found = data.messages.nodes.map((message: { text: string }) => SAID.indexOf(message.text));
  expect(found).toEqual(expected);
  expect(data.threads.nodes.map((thread: { title: string }) => Number(thread.title))).toEqual(expected);
  expect([data.messages.totalCount, data.threads.totalCount]).toEqual([expected.length, expected.length]);
  // The excerpts highlight what the database found.
  for (const { excerpts } of data.messages.nodes) expect(excerpts[0]?.highlights.length).toBeGreaterThan(0);
});

test("an excerpt highlights each match, in NFC and NFD", () => {
  for (const text of [SAID[0] ?? "", (SAID[0] ?? "").normalize("NFD")]) {
    const [excerpt, ...others] = createExcerptFinder()(text, 'da "ca phe"', 3);

    expect(others).toEqual([]);
    expect(excerpt).toMatchObject({ text, offset: 0, isAtEnd: true });
    const marked = excerpt?.highlights.map(({ start, end }) => excerpt.text.slice(start, end).normalize());
    expect(marked).toEqual(["Cà phê", "đá"]);
  }
});

test("distant matches have excerpts of their own, cut between words, up to the limit", () => {
  const filler = "và rất nhiều chữ khác ".repeat(20);
  const text = `${filler}cà phê ${filler}cà phê sữa ${filler}cà phê đen`;

  const excerpts = createExcerptFinder()(text, "phe", 2);

  expect(excerpts).toHaveLength(2);
  for (const { text: part, offset, highlights, isAtEnd } of excerpts) {
    expect(text.slice(offset, offset + part.length)).toBe(part);
    expect(highlights.map(({ start, end }) => part.slice(start, end))).toEqual(["phê"]);
    expect([text[offset - 1], text[offset + part.length], isAtEnd]).toEqual([" ", " ", false]);
    expect(part.length).toBeLessThan(200);
  }
});

test("no excerpt cuts a character in half, and highlights lie within the excerpt", () => {
  const anyText = fc.array(
    fc.constantFrom("cà", "🧋", "👨‍👩‍👧", " ", "\n", "đ", "ca", "x".repeat(90), "😀".repeat(60)),
  );
  fc.assert(
    fc.property(anyText, (pieces) => {
      for (const excerpt of createExcerptFinder()(pieces.join(""), "ca", 10)) {
        expect(excerpt.text.isWellFormed()).toBe(true);
        const ends = excerpt.highlights.flatMap(({ start, end }) => [start, end]);
        expect(ends).toEqual(ends.toSorted((a, b) => a - b));
        expect(ends.at(-1)).toBeLessThanOrEqual(excerpt.text.length);
      }
    }),
  );
});

test("an invalid search or an excerpt count out of range is refused", async () => {
  for (const args of ['matching: ""', 'matching: "x", limit: 0', 'matching: "x", limit: 11', 'matching: "ab*"']) {
    const codes = await admins.refusal(`{ messages { nodes { excerpts(${args}) { text } } } }`);
    expect([args, codes]).toEqual([args, ["BAD_USER_INPUT"]]);
  }
});

test("a document may request excerpts of 100 messages nine times, but not ten", async () => {
  const asked = (times: number) =>
    `{ messages(first: 100) { nodes { ${aliased(times, () => 'excerpts(matching: "tea", limit: 1) { text }')} } } }`;

  const nine = await admins.ask(asked(9));

  expect(nine.body.errors).toBeUndefined();
  expect(await admins.refusal(asked(10))).toEqual(["QUERY_TOO_COMPLEX"]);
});

test("a request searches a limited number of characters, and each text once per search", async () => {
  const thread = await insertThread(admins.db);
  const text = "cà phê ".repeat(20_000);
  await insertMessages(admins.db, thread.id, [text]);
  const fitting = MAX_SEARCHED_LENGTH / 100_000;
  const ask = async (times: number, matching: (index: number) => string) => {
    const fields = aliased(times, (index) => `excerpts(matching: "${matching(index)}", limit: 1) { text }`);
    const query = `query ($id: ID!) { messages(first: 1, filter: { threadId: $id }) { nodes { ${fields} } } }`;
    return (await admins.ask(query, { variables: { id: encodeGlobalId("Thread", thread.id) } })).body;
  };

  const same = await ask(fitting + 1, () => "phe");
  const fit = await ask(fitting, (index) => `phe ${index}`);
  const tooMuch = await ask(fitting + 1, (index) => `phe ${index}`);

  expect([same.errors, fit.errors]).toEqual([undefined, undefined]);
  expect(tooMuch.errors?.map(({ extensions, message }) => [extensions.code, message])).toEqual([
    ["BAD_USER_INPUT", expect.stringContaining("Request fewer messages")],
  ]);
});

test("old matches are found, page by page, from both ends", async () => {
  const query = `query ($first: Int, $last: Int, $after: String, $before: String) {
    page: messages(first: $first, last: $last, after: $after, before: $before, filter: { text: "cold" }) {
      nodes { text } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }`;
  const thread = await insertThread(admins.db, { lastActivityAt: instant("2020-01-01T00:00:00Z") });
  const texts = Array.from({ length: 5 }, (_, index) => `cold ${index}`);
  await insertMessages(
    admins.db,
    thread.id,
    texts.map((text, index) => ({ text, createdAt: instant(`2020-01-01T00:00:00.00000${index >> 1}Z`) })),
  );

  const first = (await admins.query(query, { first: 2 })).page;
  const second = (await admins.query(query, { first: 2, after: first.pageInfo.endCursor })).page;
  const last = (await admins.query(query, { last: 3 })).page;

  const found = [...first.nodes, ...second.nodes].map((message: { text: string }) => message.text);
  expect(new Set([...found, ...last.nodes.map((message: { text: string }) => message.text)])).toEqual(new Set(texts));
  expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  expect(second.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
  expect(last.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
  expect([first.totalCount, last.totalCount]).toEqual([5, 5]);
});

function aliased(times: number, field: (index: number) => string): string {
  return Array.from({ length: times }, (_, index) => `a${index}: ${field(index)}`).join(" ");
}
