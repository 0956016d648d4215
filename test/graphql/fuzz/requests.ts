/** Requests to the API: valid queries, broken queries, and bodies without a query. */

import type { GraphQLSchema } from "graphql";
import { fc } from "../../support/property.ts";
import { type Query, queriesOf } from "./queries.ts";
import { type Known, type Mood, valuesFor } from "./values.ts";

export interface FuzzRequest {
  readonly method: "GET" | "POST";
  readonly contentType: string;
  /** The body, or the query string of a GET. */
  readonly sent: string;
  readonly as: "admin" | "viewer" | "nobody";
  /** Number of selected fields; null for a broken query. */
  readonly fields: number | null;
}

export function requestsTo(schema: GraphQLSchema, known: Known): fc.Arbitrary<FuzzRequest> {
  const draw = (mood: Mood) => queriesOf(schema, { mood, valuesOf: valuesFor(known, mood) });
  const queries = fc.oneof({ weight: 2, arbitrary: draw("tame") }, draw("wild"));
  const texts = queries.map(({ text }) => text);
  const bodies = fc.oneof(
    { weight: 70, arbitrary: queries.map((query) => body(toJson(query), query.fields)) },
    { weight: 20, arbitrary: fc.tuple(queries, cuts).map(([query, cut]) => body(toJson(broken(query, cut)))) },
    { weight: 3, arbitrary: fc.tuple(queries, cuts).map(([query, cut]) => body(change(toJson(query), cut))) },
    { weight: 3, arbitrary: strangeParameters(texts).map((json) => body(JSON.stringify(json))) },
    { weight: 4, arbitrary: queries.map(inAddress) },
    { weight: 2, arbitrary: queries.map(inForm) },
    { weight: 2, arbitrary: texts.map((text) => ({ ...body(text), contentType: "application/graphql" })) },
    { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 60 }).map((text) => body(text)) },
    { weight: 2, arbitrary: queries.map(({ text, ...rest }) => body(toJson({ ...rest, text: `${text}\n${text}` }))) },
  );
  const who = fc.oneof(
    { weight: 20, arbitrary: fc.constant("admin" as const) },
    { weight: 4, arbitrary: fc.constant("viewer" as const) },
    fc.constant("nobody" as const),
  );
  return fc.tuple(bodies, who).map(([request, as]) => ({ ...request, as }));
}

type Sent = Omit<FuzzRequest, "as">;

function body(sent: string, fields: number | null = null): Sent {
  return { method: "POST", contentType: "application/json", sent, fields };
}

function inAddress({ text, variables, fields }: Query): Sent {
  const sent = String(new URLSearchParams({ query: text, variables: JSON.stringify(variables) }));
  return { method: "GET", contentType: "", sent, fields };
}

function inForm(query: Query): Sent {
  return { ...inAddress(query), method: "POST", contentType: "application/x-www-form-urlencoded" };
}

function toJson({ text, variables }: Pick<Query, "text" | "variables">): string {
  return JSON.stringify({ query: text, variables });
}

interface Cut {
  /** Position in the text, from 0 to 1. */
  readonly at: number;
  readonly length: number;
  readonly put: string;
}

const cuts: fc.Arbitrary<Cut> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.oneof(fc.nat(3), fc.nat(30), fc.constant(Number.POSITIVE_INFINITY)),
  put: fc.oneof(
    fc.constantFrom(
      "",
      "",
      "{",
      "}",
      "(",
      ")",
      "!",
      "$x",
      '"',
      '"""',
      "...",
      "null",
      "1",
      "@include",
      "fragment F on Run",
      "#",
    ),
    fc.constantFrom(
      "query A {",
      "subscription {",
      "id",
      "{ id }",
      "first: -1",
      "first: 1000",
      "\0",
      "\ud800",
      "\ufeff",
      "&",
      "|",
    ),
    fc.string({ unit: "binary", maxLength: 4 }),
  ),
});

function broken(query: Query, cut: Cut): Query {
  return { ...query, text: change(query.text, cut) };
}

function change(text: string, { at, length, put }: Cut): string {
  const from = Math.floor(at * text.length);
  return text.slice(0, from) + put + text.slice(from + length);
}

/** Unexpected JSON in place of the request parameters. */
function strangeParameters(texts: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  const strange = fc.jsonValue({ maxDepth: 3 });
  return fc.oneof(
    strange,
    fc.record({ query: fc.oneof(texts, strange), variables: strange }),
    fc.record({ query: texts, operationName: strange }),
    fc.record({ query: texts, extensions: strange }),
    fc.record({ query: texts, anything: strange }),
    fc.array(fc.record({ query: texts }), { maxLength: 3 }),
  );
}
