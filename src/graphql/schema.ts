/** Builds the schema. The imports register all types with the builder. */
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from "graphql";
import { builder } from "./builder.ts";
import { denyByDefault } from "./guards/deny-by-default.ts";
import "./types/conversations/activity.ts";
import "./types/people/admin-token.ts";
import "./types/runs/cost.ts";
import "./types/decimal.ts";
import "./types/import.ts";
import "./types/people/invite.ts";
import "./types/conversations/message.ts";
import "./types/mutation.ts";
import "./types/query.ts";
import "./types/runs/run.ts";
import "./types/runs/run-list.ts";
import "./types/runs/run-times.ts";
import "./types/runs/round.ts";
import "./types/scalars.ts";
import "./types/people/staff-member.ts";
import "./types/conversations/thread.ts";
import "./types/people/token-mutations.ts";
import "./types/runs/tool-call.ts";
import "./types/runs/tool.ts";
import "./types/usage/usage.ts";
import "./types/people/viewer.ts";

export function createSchema(): GraphQLSchema {
  return denyByDefault(builder.toSchema());
}

/** The text of `schema.graphql`, with types and fields sorted by name, so that a diff shows real changes only. */
export function printSortedSchema(): string {
  return `${printSchema(lexicographicSortSchema(createSchema()))}\n`;
}
