/**
 * Every field of every type is refused to one without a valid token, also in a type that was written in a hurry: nobody has
 * to think of it, and nothing can forget it.
 *
 * The server has refused such a request before its body was read; this is the second door. What only some may see says so
 * with scopes of its own. A comparison for each field costs less than a look at scopes for each object.
 */
import { defaultFieldResolver, type GraphQLFieldResolver, type GraphQLSchema, isObjectType } from "graphql";
import { unauthenticated } from "./auth.ts";
import type { AdminContext } from "./context.ts";

/** Puts the door before each field of the schema, which is changed in place: `builder.toSchema()` makes a new one each time. */
export function denyByDefault(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith("__")) continue;
    for (const field of Object.values(type.getFields())) {
      field.resolve = forAdmins(field.resolve ?? defaultFieldResolver);
      if (field.subscribe) field.subscribe = forAdmins(field.subscribe);
    }
  }
  return schema;
}

type Resolver = GraphQLFieldResolver<unknown, AdminContext>;

function forAdmins(resolve: Resolver): Resolver {
  return (source, args, context, info) => {
    if (context.admin === null) throw unauthenticated();
    return resolve(source, args, context, info);
  };
}
