/**
 * Generates input values: mostly valid ones, some at the limits of their type, some forged, some of another type.
 *
 * Each value exists as JSON, for a variable, and as GraphQL text: an enum value is a name in GraphQL and a string in JSON.
 */

import {
  type GraphQLInputType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from "graphql";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import { fc } from "../../support/property.ts";

export interface Value {
  readonly json: unknown;
  readonly literal: string;
}

/** Ids and cursors of existing rows. */
export interface Known {
  readonly ids: readonly string[];
  readonly cursors: readonly string[];
}

/** `tame`: nearly all values are valid, so that queries read much. `wild`: each part is invalid now and then. */
export type Mood = "tame" | "wild";

type Values = fc.Arbitrary<Value>;

/** Any UTF-16 units, U+0000 and lone surrogates included. */
const anyUnits = fc.array(fc.nat(0xffff), { maxLength: 12 }).map((units) => String.fromCharCode(...units));

const wildTexts = fc.oneof(
  // The usual problems for databases and URLs.
  { weight: 3, arbitrary: fc.constantFrom("\0", "a\0b", "\ud800", "\udc00x") },
  fc.constantFrom(
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\udc00x",
    "%",
    "_",
    "\\",
    '"',
    "'; drop table runs; --",
    "null",
    "đá xay",
  ),
  fc.constantFrom("😀".repeat(40), "x".repeat(10_000), "a ".repeat(300), '"a b" "', "\u202e", "$1", "{}", "NaN"),
  fc.string({ maxLength: 20 }),
  anyUnits,
);

const uuids = fc.constantFrom("01990000-0000-7000-8000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff");
const typeNames = fc.constantFrom("Thread", "Run", "AdminToken", "Message", "Chat", "Nothing", "toString");

const forgedIds = fc.oneof(
  fc.tuple(typeNames, uuids).map(([type, id]) => encodeGlobalId(type, id)),
  fc.tuple(typeNames, wildTexts).map(([type, id]) => encodeGlobalId(type, id)),
);

/** The name of a real list, with an invalid key or the key of no row. */
const forgedCursors = fc
  .tuple(
    fc.constantFrom(
      "threads.lastActivityAt",
      "messages.createdAt",
      "runs.queuedAt",
      "thread.messages",
      "adminTokens.createdAt",
    ),
    fc.constantFrom("ASC", "DESC", "desc"),
    fc.constantFrom("-", "01990000-0000-7000-8000-000000000000"),
    fc.constantFrom("1", "0", "-1", "9007199254740993", "99999999999999999999", "1763000000000000", "NaN", "1e3"),
    fc.constantFrom("01990000-0000-7000-8000-000000000000", "x", "", "0199"),
  )
  .map((words) => Buffer.from(words.join(" ")).toString("base64url"));

const tameIntegers = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 100 }));
const integers = fc.oneof(
  { weight: 6, arbitrary: tameIntegers },
  fc.constantFrom(0, -1, 101, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53, 1e21),
);

const instants = fc.constantFrom(
  "2026-11-15T08:30:00Z",
  "1970-01-01T00:00:00+07:00",
  "2999-12-31T23:59:59.999999Z",
  "9999-12-31T23:59:59Z",
  "0001-01-01T00:00:00Z",
  "2026-02-30T00:00:00Z",
  "2026-11-15",
  "now",
);

const days = fc.constantFrom("2026-11-15", "2026-11-30", "0001-01-01", "9999-12-31", "2026-02-30", "infinity", "");
const decimals = fc.constantFrom("0", "0.000123", "-1", "1e5", "9".repeat(40), "0.".padEnd(60, "1"), "NaN", "1,5");
const anyJson = fc.oneof(fc.jsonValue({ maxDepth: 2 }), wildTexts);

/** Returns a generator of values for a type. */
export function valuesFor(known: Known, mood: Mood): (type: GraphQLInputType) => Values {
  const isTame = mood === "tame";
  const knownIds = fc.constantFrom(...known.ids);
  const ids = isTame ? knownIds : fc.oneof({ weight: 3, arbitrary: knownIds }, forgedIds, wildTexts);
  const cursors = fc.oneof(fc.constantFrom(...known.cursors), forgedCursors);
  const texts = fc.oneof(
    wildTexts,
    cursors,
    fc.constantFrom("hello", "CheckOutOfStock", "TIMEOUT", "gpt-6-luna", "Linh"),
  );
  const scalars: Record<string, Values> = {
    ID: ids.map(plain),
    String: texts.map(plain),
    Int: (isTame ? tameIntegers : integers).map(plain),
    Float: fc.oneof(integers, fc.double({ noNaN: true, noDefaultInfinity: true })).map(plain),
    Boolean: fc.boolean().map(plain),
    DateTime: (isTame ? fc.constantFrom("2026-11-15T08:30:00Z", "2027-01-01T00:00:00Z") : instants).map(plain),
    Date: (isTame ? fc.constantFrom("2026-11-15", "2026-12-31") : days).map(plain),
    Decimal: fc.oneof(decimals, integers).map(plain),
    JSON: anyJson.map(plain),
  };
  const made = new Map<string, Values>();
  const draw = (type: GraphQLInputType): Values => {
    const key = String(type);
    const values = made.get(key) ?? (isTame ? proper(type) : withInvalid(type, proper(type)));
    made.set(key, values);
    return values;
  };
  const proper = (type: GraphQLInputType): Values => {
    const given = getNullableType(type);
    if (isListType(given)) return listOf(draw(given.ofType));
    if (isEnumType(given)) return fc.constantFrom(...given.getValues().map(({ name }) => word(name)));
    if (isInputObjectType(given)) {
      const fields = Object.values(given.getFields());
      return objectOf(fields.map((field) => [field.name, draw(field.type), isNonNullType(field.type)] as const));
    }
    const values = scalars[given.name];
    if (values === undefined) throw new Error(`no values for the scalar ${given.name}: add them`);
    return values;
  };
  return draw;
}

/** Adds some nulls and values of a wrong type. */
function withInvalid(type: GraphQLInputType, proper: Values): Values {
  return fc.oneof(
    { weight: 40, arbitrary: proper },
    { weight: isNonNullType(type) ? 1 : 3, arbitrary: fc.constant({ json: null, literal: "null" }) },
    { weight: 1, arbitrary: anyJson.map(plain) },
  );
}

function listOf(items: Values): Values {
  const lists = fc.array(items, { maxLength: 4 }).map((values) => ({
    json: values.map(({ json }) => json),
    literal: `[${values.map(({ literal }) => literal).join(", ")}]`,
  }));
  return fc.oneof({ weight: 5, arbitrary: lists }, items);
}

/** Required fields are nearly always present, others half of the time: `freq` is the inverse rate of absence. */
function objectOf(fields: readonly (readonly [name: string, values: Values, isRequired: boolean])[]): Values {
  const drawn = fields.map(([name, values, isRequired]) =>
    fc.option(
      values.map((value) => [name, value] as const),
      { freq: isRequired ? 50 : 2 },
    ),
  );
  return fc.tuple(...drawn).map((entries) => {
    const given = entries.filter((entry) => entry !== null);
    return {
      json: Object.fromEntries(given.map(([name, { json }]) => [name, json])),
      literal: `{${given.map(([name, { literal }]) => `${name}: ${literal}`).join(", ")}}`,
    };
  });
}

function plain(json: unknown): Value {
  return { json, literal: toLiteral(json) };
}

function word(name: string): Value {
  return { json: name, literal: name };
}

function toLiteral(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(toLiteral).join(", ")}]`;
  if (typeof json !== "object" || json === null) return JSON.stringify(json);
  const fields = Object.entries(json).filter(([name]) => /^[a-z_]\w*$/i.test(name));
  return `{${fields.map(([name, value]) => `${name}: ${toLiteral(value)}`).join(", ")}}`;
}
