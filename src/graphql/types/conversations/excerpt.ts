/** Excerpts: the parts of a text that a search found, with the places to highlight. */
import { BadInputError } from "../../../errors.ts";
import { builder } from "../../builder.ts";
import type { Excerpt as ExcerptState } from "../../lists/excerpts.ts";

const MAX_EXCERPTS = 10;

const Highlight = builder.objectRef<ExcerptState["highlights"][number]>("Highlight").implement({
  description: "A match in an excerpt, in UTF-16 code units (like JavaScript strings).",
  fields: (t) => ({
    start: t.exposeInt("start", { description: "The start of the match in the text of the excerpt." }),
    length: t.int({ description: "The length of the match.", resolve: ({ start, end }) => end - start }),
  }),
});

export const Excerpt = builder.objectRef<ExcerptState>("Excerpt").implement({
  description: "A part of a message that matches a search, as plain text.",
  fields: (t) => ({
    text: t.exposeString("text", { description: "The text of the excerpt, exactly as in the message." }),
    offset: t.exposeInt("offset", { description: "The start of the excerpt in the message, in UTF-16 code units." }),
    isAtEnd: t.exposeBoolean("isAtEnd", { description: "Whether the excerpt reaches the end of the message." }),
    highlights: t.field({
      type: [Highlight],
      description: "The matches in the excerpt: at least one, none overlapping.",
      resolve: ({ highlights }) => highlights,
    }),
  }),
});

export const excerptArguments = builder.args((t) => ({
  matching: t.string({ required: true, description: "What to search for, with the syntax of `MessageFilter.text`." }),
  limit: t.int({
    required: true,
    defaultValue: 3,
    description: `The maximum number of excerpts, 1 to ${MAX_EXCERPTS}.`,
  }),
}));

/** What searching a message costs in addition to its excerpts. It is far more work than to return a value. */
const SEARCH_COST = 50;

export function excerptCost({ limit }: { readonly limit: number }): { field: number; multiplier: number } {
  return { field: SEARCH_COST, multiplier: Math.min(Math.max(limit, 1), MAX_EXCERPTS) };
}

/** @throws {BadInputError} for a limit out of bounds. */
export function checkExcerptLimit(limit: number): number {
  if (limit >= 1 && limit <= MAX_EXCERPTS) return limit;
  throw new BadInputError(`'limit' must be from 1 to ${MAX_EXCERPTS}`);
}
