/**
 * Searching in messages and in names: what a person looks for as a condition on a row.
 *
 * `messages.search` holds the words of a message as `words_of` folds them, under the GIN index `messages_by_words`. It is no
 * column of the schema in TypeScript, so that reading a message never reads it.
 */
import { type SQL, sql } from "drizzle-orm";
import { messages, staff } from "../schema/index.ts";
import { parseSearch, type SearchTerm } from "./search-words.ts";

/**
 * How many messages are looked at before the index on words is asked, 10 ms of work. A word that stands in more than one of
 * 600 fills its page so; of any other the index has few, even where the table holds millions.
 */
export const MESSAGES_TO_WALK = 30_000;

/** That all the words occur in a message. @throws {BadInputError} see `parseSearch` */
export function messageHas(text: string): SQL {
  return sql`${messages}."search" @@ ${toQuery(text)}`;
}

/** The same by a function that no index knows: for each thread of many the index on words would be asked anew. */
export function messageHasUnindexed(text: string): SQL {
  return sql`ts_match_vq(${messages}."search", ${toQuery(text)})`;
}

/** That all the words occur in the name or the @name of a staff member. @throws {BadInputError} see `parseSearch` */
export function staffMemberHas(text: string): SQL {
  // Staff are few: no index.
  return sql`words_of(${staff.name} || ' ' || coalesce(${staff.username}, '')) @@ ${toQuery(text)}`;
}

/** The quoted words go once more through the parser that the stored ones went through: what it makes of them is the same. */
function toQuery(text: string): SQL {
  const terms = parseSearch(text, "text").map(writeTerm);
  return sql`to_tsquery('pg_catalog.simple', ${terms.join(" & ")})`;
}

/** No folded word has an ASCII sign, and so nothing that would end a quotation. */
function writeTerm(term: SearchTerm): string {
  const words = term.map(({ folded, isBeginning }) => `'${folded}'${isBeginning ? ":*" : ""}`);
  return `(${words.join(" <-> ")})`;
}
