/**
 * Searching in messages and in names: what a person looks for as a condition on a row.
 *
 * `messages.search` holds the words of a message as `words_of` folds them, under the GIN index `messages_by_words`; the pairs
 * of words that follow one another are under `messages_by_pairs`. It is no column of the schema in TypeScript, so that
 * reading a message never reads it.
 */
import { and, type SQL, sql } from "drizzle-orm";
import { messages, staff } from "../../schema/index.ts";
import { parseSearch, type SearchTerm } from "./search-words.ts";

/**
 * How many messages are looked at before the index on words is asked, 10 ms of work. A word that stands in more than one of
 * 600 fills its page so; of any other the index has few, even where the table holds millions.
 */
export const MESSAGES_TO_WALK = 30_000;

/** That all the words occur in a message, for the indexes on words and on pairs of words. @throws {BadInputError} see `parseSearch` */
export function messageHas(text: string): SQL | undefined {
  const terms = parseSearch(text, "text");
  const phrases = terms.filter((term) => pairedStretches(term).length > 0);
  const others = terms.filter((term) => !phrases.includes(term));
  return and(
    others.length === 0 ? undefined : sql`${messages}."search" @@ ${toQuery(others)}`,
    // By a function that no index knows: that on words would find all that have both words anywhere, which may be many.
    phrases.length === 0 ? undefined : sql`ts_match_vq(${messages}."search", ${toQuery(phrases)})`,
    ...phrases.flatMap(pairedStretches).map(hasPairs),
  );
}

/** The same by a function that no index knows: for looking at one row after the other. */
export function messageHasUnindexed(text: string): SQL {
  return sql`ts_match_vq(${messages}."search", ${toQuery(parseSearch(text, "text"))})`;
}

/** That all the words occur in the name or the @name of a staff member. @throws {BadInputError} see `parseSearch` */
export function staffMemberHas(text: string): SQL {
  // Staff are few: no index.
  return sql`words_of(${staff.name} || ' ' || coalesce(${staff.username}, '')) @@ ${toQuery(parseSearch(text, "text"))}`;
}

/** The stretches of whole words that follow one another in a term, at least two each: of a beginning no pair is known. */
function pairedStretches(term: SearchTerm): string[] {
  const stretches: string[][] = [[]];
  for (const { folded, isBeginning } of term) {
    if (isBeginning) stretches.push([]);
    else stretches.at(-1)?.push(folded);
  }
  return stretches.filter((words) => words.length > 1).map((words) => words.join(" "));
}

/** That a message has, by their numbers, the pairs of words of a stretch: see `pairs_of` in the migration. */
function hasPairs(stretch: string): SQL {
  return sql`pairs_of(${messages}."search") @> pairs_of(to_tsvector('pg_catalog.simple', ${stretch}))`;
}

/** The quoted words go once more through the parser that the stored ones went through: what it makes of them is the same. */
function toQuery(terms: readonly SearchTerm[]): SQL {
  return sql`to_tsquery('pg_catalog.simple', ${terms.map(writeTerm).join(" & ")})`;
}

/** No folded word has an ASCII sign, and so nothing that would end a quotation. */
function writeTerm(term: SearchTerm): string {
  const words = term.map(({ folded, isBeginning }) => `'${folded}'${isBeginning ? ":*" : ""}`);
  return `(${words.join(" <-> ")})`;
}
