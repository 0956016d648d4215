/** The schema: every type, by importing it, and the schema as text for `schema.graphql`. */
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from "graphql";
import { builder } from "./builder.ts";
import { denyByDefault } from "./deny-by-default.ts";
import "./types/activity.ts";
import "./types/admin-token.ts";
import "./types/cost.ts";
import "./types/decimal.ts";
import "./types/import.ts";
import "./types/invite.ts";
import "./types/message.ts";
import "./types/mutation.ts";
import "./types/query.ts";
import "./types/run.ts";
import "./types/scalars.ts";
import "./types/staff-member.ts";
import "./types/thread.ts";
import "./types/token-mutations.ts";
import "./types/tool-call.ts";
import "./types/tool.ts";
import "./types/usage.ts";
import "./types/viewer.ts";

export function createSchema(): GraphQLSchema {
  return denyByDefault(builder.toSchema());
}

/** The schema as it is committed: types and fields by name, so that a change shows as a change only. */
export function printSortedSchema(): string {
  return `${printSchema(lexicographicSortSchema(createSchema()))}\n`;
}
