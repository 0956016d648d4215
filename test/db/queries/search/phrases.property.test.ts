import { and } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { messageMatches, messageMatchesUnindexed } from "../../../../src/db/queries/search/search.ts";
import { messages } from "../../../../src/db/schema/index.ts";
import { insertMessages, insertThread } from "../../../support/conversations.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { fc } from "../../../support/property.ts";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase();
});
afterAll(() => testDatabase.close());

const WORDS = ["cà", "phê", "sữa", "đá", "đáng", "1e5", "2e3x", "12e", "iced", "don't"];

const said = fc.array(fc.constantFrom(...WORDS), { maxLength: 12 }).map((words) => words.join(" "));
const term = fc.oneof(
  fc.constantFrom(...WORDS, "ice*", "đan*"),
  fc
    .array(fc.constantFrom(...WORDS, "ice*", "đan*", "phê*"), { minLength: 1, maxLength: 4 })
    .map((words) => `"${words.join(" ")}"`),
);
const searched = fc.array(term, { minLength: 1, maxLength: 3 }).map((terms) => terms.join(" "));

/** More words than a tsvector has positions (16,383), and one word more often than it stores positions (255). */
const LONG = `${"cà phê ".repeat(300)}${"a ".repeat(16_081)}sữa đá iced đáng phê đá`;

test("the index on pairs finds exactly the messages with the phrase", async () => {
  const { db } = testDatabase;
  const { id } = await insertThread(db);
  await insertMessages(db, id, [LONG, "", ...fc.sample(said, { seed: 5, numRuns: 300 })]);
  const found = async (...conditions: Parameters<typeof and>) => {
    const rows = await db
      .select({ position: messages.position })
      .from(messages)
      .where(and(...conditions))
      .orderBy(messages.position);
    return rows.map(({ position }) => position);
  };

  await fc.assert(
    fc.asyncProperty(searched, async (text) => {
      expect(await found(messageMatches(text))).toEqual(await found(messageMatchesUnindexed(text)));
    }),
    { numRuns: 200, examples: ['"sữa đá"', '"đáng iced"', '"phê đá"', '"phê cà"'].map((text) => [text]) },
  );
});
