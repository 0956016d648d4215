/**
 * Search conditions for messages and staff names.
 *
 * `messages.search` is a tsvector of the words of a message, folded by `words_of`. The GIN index `messages_by_words` is on its
 * words, and `messages_by_pairs` on the pairs of consecutive words. The column is not in the Drizzle schema, so reading a message
 * never reads it.
 */
import { and, type SQL, sql } from "drizzle-orm";
import { messages, staff } from "../../schema/index.ts";
import { parseSearch, type SearchTerm } from "./search-words.ts";

/**
 * Messages to scan before the index on words is used: 10 ms of work. The scan fills the page for a word that occurs in more than
 * one of 600 messages. For any rarer word the index has few entries, even in a table of millions.
 */
export const MESSAGES_TO_SCAN = 30_000;

/** Condition: the message contains all terms. It uses the indexes. @throws {BadInputError} as `parseSearch` */
export function messageMatches(text: string): SQL | undefined {
  const terms = parseSearch(text, "text");
  const phrases = terms.filter((term) => consecutiveWords(term).length > 0);
  const others = terms.filter((term) => !phrases.includes(term));
  return and(
    others.length === 0 ? undefined : sql`${messages}."search" @@ ${toQuery(others)}`,
    // A function call, which uses no index: the index on words would return all messages with both words anywhere.
    phrases.length === 0 ? undefined : sql`ts_match_vq(${messages}."search", ${toQuery(phrases)})`,
    ...phrases.flatMap(consecutiveWords).map(hasPairs),
  );
}

/** The same condition without an index, to check rows of a scan. */
export function messageMatchesUnindexed(text: string): SQL {
  return sql`ts_match_vq(${messages}."search", ${toQuery(parseSearch(text, "text"))})`;
}

/** Condition: the name or username of the staff member contains all terms. @throws {BadInputError} as `parseSearch` */
export function staffMemberMatches(text: string): SQL {
  // There are few staff members, so no index is needed.
  return sql`words_of(${staff.name} || ' ' || coalesce(${staff.username}, '')) @@ ${toQuery(parseSearch(text, "text"))}`;
}

/** The sequences of at least two whole words in a term. Prefixes end a sequence, because the index holds pairs of whole words. */
function consecutiveWords(term: SearchTerm): string[] {
  const sequences: string[][] = [[]];
  for (const { folded, isPrefix } of term) {
    if (isPrefix) sequences.push([]);
    else sequences.at(-1)?.push(folded);
  }
  return sequences.filter((words) => words.length > 1).map((words) => words.join(" "));
}

/** Condition: the message has all pairs of consecutive words, by their hashes. See `pairs_of` in the migration. */
function hasPairs(words: string): SQL {
  return sql`pairs_of(${messages}."search") @> pairs_of(to_tsvector('pg_catalog.simple', ${words}))`;
}

/** Quoted words go through the same parser as the stored text, with the same result. */
function toQuery(terms: readonly SearchTerm[]): SQL {
  return sql`to_tsquery('pg_catalog.simple', ${terms.map(toTsquery).join(" & ")})`;
}

/** A folded word has no ASCII punctuation, so it cannot end the quotation. */
function toTsquery(term: SearchTerm): string {
  const words = term.map(({ folded, isPrefix }) => `'${folded}'${isPrefix ? ":*" : ""}`);
  return `(${words.join(" <-> ")})`;
}
