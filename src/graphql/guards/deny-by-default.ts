/**
 * Deny by default: every field needs a valid token, and every mutation needs the scope ADMIN. A new type cannot forget it.
 *
 * This is the second check. The server refuses a request without a token before it reads the body; this one runs before the
 * arguments of a field are read. Fields for some admins only add their own scopes. One comparison per field costs less than
 * checking scopes per object.
 */
import { defaultFieldResolver, type GraphQLFieldResolver, type GraphQLSchema, isObjectType } from "graphql";
import type { AdminContext } from "../context.ts";
import { type Admin, forbidden, unauthenticated } from "./auth.ts";
import { tooSlow } from "./time-limit.ts";

/** Wraps the resolver of each field. Changes the schema in place, since `builder.toSchema()` makes a new one each time. */
export function denyByDefault(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith("__")) continue;
    const check = type === schema.getMutationType() ? requireAdminScope : allowAnyScope;
    for (const field of Object.values(type.getFields())) {
      field.resolve = guard(check, field.resolve ?? defaultFieldResolver);
      if (field.subscribe) field.subscribe = guard(check, field.subscribe);
    }
  }
  return schema;
}

type Resolver = GraphQLFieldResolver<unknown, AdminContext>;

function guard(check: (admin: Admin) => void, resolve: Resolver): Resolver {
  return (source, args, context, info) => {
    if (context.admin === null) throw unauthenticated();
    check(context.admin);
    if (context.operation.isOver) throw tooSlow();
    return resolve(source, args, context, info);
  };
}

/** A viewer may read every field that has no scope of its own. */
function allowAnyScope(): void {}

function requireAdminScope(admin: Admin): void {
  if (admin.scope !== "admin") throw forbidden();
}
