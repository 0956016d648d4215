/**
 * Every field of every type is refused to one without a valid token, and every change to one whose token only reads, also in
 * a type that was written in a hurry: nobody has to think of it, and nothing can forget it.
 *
 * The server has refused a request without a token before its body was read; this is the second door, and it stands before
 * the arguments are looked at. What only some may see says so with scopes of its own. A comparison for each field costs less
 * than a look at scopes for each object.
 */
import { defaultFieldResolver, type GraphQLFieldResolver, type GraphQLSchema, isObjectType } from "graphql";
import type { AdminContext } from "../context.ts";
import { type Admin, forbidden, unauthenticated } from "./auth.ts";
import { tooSlow } from "./time-limit.ts";

/** Puts the door before each field of the schema, which is changed in place: `builder.toSchema()` makes a new one each time. */
export function denyByDefault(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith("__")) continue;
    const refuse = type === schema.getMutationType() ? refuseReaders : refuseNobody;
    for (const field of Object.values(type.getFields())) {
      field.resolve = behindDoor(refuse, field.resolve ?? defaultFieldResolver);
      if (field.subscribe) field.subscribe = behindDoor(refuse, field.subscribe);
    }
  }
  return schema;
}

type Resolver = GraphQLFieldResolver<unknown, AdminContext>;

function behindDoor(refuse: (admin: Admin) => void, resolve: Resolver): Resolver {
  return (source, args, context, info) => {
    if (context.admin === null) throw unauthenticated();
    refuse(context.admin);
    if (context.operation.isOver) throw tooSlow();
    return resolve(source, args, context, info);
  };
}

/** Who reads may see whatever does not say otherwise. */
function refuseNobody(): void {}

function refuseReaders(admin: Admin): void {
  if (admin.scope !== "admin") throw forbidden();
}
