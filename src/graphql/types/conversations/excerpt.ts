/** Excerpts: the parts of a text that a search found, with the places to highlight. */
import { BadInputError } from "../../../errors.ts";
import { builder } from "../../builder.ts";
import type { Excerpt as ExcerptState } from "../../lists/excerpts.ts";

const MAX_EXCERPTS = 10;

const Highlight = builder.objectRef<ExcerptState["highlights"][number]>("Highlight").implement({
  description:
    "A place in an excerpt where something stands that was looked for, in UTF-16 units, as JavaScript counts.",
  fields: (t) => ({
    start: t.exposeInt("start", { description: "Where it begins in the excerpt's text." }),
    length: t.int({ description: "How long it is.", resolve: ({ start, end }) => end - start }),
  }),
});

export const Excerpt = builder.objectRef<ExcerptState>("Excerpt").implement({
  description: "A part of a message in which something stands that was looked for, as plain text.",
  fields: (t) => ({
    text: t.exposeString("text", { description: "The part, exactly as it stands in the message." }),
    offset: t.exposeInt("offset", { description: "Where it begins in the message, in UTF-16 units; 0 at its start." }),
    isAtEnd: t.exposeBoolean("isAtEnd", { description: "Whether the message ends with it." }),
    highlights: t.field({
      type: [Highlight],
      description: "What to mark in it: at least one place, none overlapping another.",
      resolve: ({ highlights }) => highlights,
    }),
  }),
});

export const excerptArguments = builder.args((t) => ({
  matching: t.string({ required: true, description: "What to look for, written as in `MessageFilter.text`." }),
  limit: t.int({ required: true, defaultValue: 3, description: `How many at most, 1 to ${MAX_EXCERPTS}.` }),
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
