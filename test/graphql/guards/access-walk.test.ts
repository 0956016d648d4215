import {
  type ExecutionResult,
  execute,
  type GraphQLField,
  GraphQLObjectType,
  GraphQLSchema,
  OperationTypeNode,
  parse,
  subscribe,
  validate,
} from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adminTokens } from "../../../src/db/schema/index.ts";
import { createContext } from "../../../src/graphql/context.ts";
import { type Admin, hashToken } from "../../../src/graphql/guards/auth.ts";
import { createSchema } from "../../../src/graphql/schema.ts";
import { makeToken } from "../../../src/tokens/make-token.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";
import { createTestEnvironment } from "../api-environment.ts";
import { fieldsOf, objectTypes, pathsFromRoots, select } from "../schema-walk.ts";

let admins: AdminClient;
let expired: string;
let revoked: string;
let viewer: string;
beforeAll(async () => {
  admins = await startAdminApi();
  const past = new Date(Date.now() - 1000);
  expired = await storeToken({ expiresAt: past });
  revoked = await storeToken({ revokedAt: past });
  viewer = await storeToken({ scope: "viewer" });
});
afterAll(() => admins.close());

const schema = createSchema();
const types = objectTypes(schema);
const paths = pathsFromRoots(schema);

describe.each(types.map((type) => [type.name, type] as const))("%s", (_, type) => {
  const names = fieldsOf(type).map((field) => field.name);
  const all = (code: string) => Object.fromEntries(names.map((name) => [name, [code]]));

  test("the schema refuses each field without a token", async () => {
    expect(await refusals(type, null)).toEqual(all("UNAUTHENTICATED"));
  });

  test("each field is refused over HTTP with an expired, revoked or unknown token", async () => {
    const path = paths.get(type);
    if (path === undefined) throw new Error(`no field leads to ${type.name}`);
    for (const token of [null, expired, revoked]) {
      const answers = fieldsOf(type).map(async (field) => {
        const query = path(select(field));
        expect(validate(schema, parse(query)).map(({ message }) => message)).toEqual([]);
        const { status, body } = await admins.ask(query, { token });
        return [field.name, [status, body.data, ...(body.errors ?? []).map(({ extensions }) => extensions.code)]];
      });
      const refused = Object.fromEntries(names.map((name) => [name, [401, undefined, "UNAUTHENTICATED"]]));
      expect(Object.fromEntries(await Promise.all(answers))).toEqual(refused);
    }
  });
});

test("a viewer is refused all mutations and exactly the fields for admins", async () => {
  const reader: Admin = { name: "reader", scope: "viewer", tokenId: "01990000-0000-7000-8000-000000000001" };
  const refused: string[] = [];
  for (const type of types.filter((candidate) => candidate !== schema.getSubscriptionType())) {
    for (const [field, codes] of Object.entries(await refusals(type, reader))) {
      if (codes.includes("FORBIDDEN")) refused.push(`${type.name}.${field}`);
    }
  }

  const everyFieldOf = (name: string) => fieldsOf(named(name)).map((field) => `${name}.${field.name}`);
  const forAdmins = ["AdminToken", "CreateAdminTokenPayload", "Mutation", "RevokeAdminTokenPayload"];
  expect(refused.toSorted()).toEqual(["Query.adminTokens", ...forAdmins.flatMap(everyFieldOf)].toSorted());
});

test("a viewer's token gets FORBIDDEN for every mutation over HTTP, and nothing changes", async () => {
  const before = await admins.db.select().from(adminTokens);

  for (const field of fieldsOf(named("Mutation"))) {
    const { body } = await admins.ask(`mutation { ${select(field)} }`, { token: viewer });
    expect([field.name, body.errors?.map(({ extensions }) => extensions.code)]).toEqual([field.name, ["FORBIDDEN"]]);
  }

  const after = await admins.db.select().from(adminTokens);
  expect(after.map(({ lastUsedAt, ...row }) => row)).toEqual(before.map(({ lastUsedAt, ...row }) => row));
});

test("the walk finds an unguarded field", async () => {
  const open = new GraphQLObjectType({
    name: "Open",
    fields: { secret: { type: named("PageInfo"), resolve: () => ({}) } },
  });

  expect(await refusals(open, null)).toEqual({ secret: [] });
  expect(types.length).toBeGreaterThan(20);
});

/** The error codes of each field of a type for `admin`, on an existing parent object. */
async function refusals(type: GraphQLObjectType, admin: Admin | null): Promise<Record<string, string[]>> {
  const answers = fieldsOf(type).map(async (field) => {
    const { errors = [] } = await askFor(type, field, admin);
    return [field.name, errors.map(({ extensions }) => String(extensions.code))] as const;
  });
  return Object.fromEntries(await Promise.all(answers));
}

async function askFor(
  type: GraphQLObjectType,
  field: GraphQLField<unknown, unknown>,
  admin: Admin | null,
): Promise<ExecutionResult> {
  const contextValue = createContext({
    ...admins,
    admin,
    environment: createTestEnvironment(),
    logger: { info: () => undefined },
  });
  for (const operation of Object.values(OperationTypeNode)) {
    if (schema.getRootType(operation) !== type) continue;
    const document = parse(`${operation} { ${select(field)} }`);
    const result = await (operation === "subscription" ? subscribe : execute)({ schema, document, contextValue });
    // A subscription that is not refused continues and has no errors.
    return "errors" in result ? (result as ExecutionResult) : {};
  }
  const document = parse(`{ it { ${select(field)} } }`);
  return (await execute({ schema: schemaOf(type), document, contextValue })) as ExecutionResult;
}

/** A schema whose root leads directly to one type, without a guard. */
function schemaOf(type: GraphQLObjectType): GraphQLSchema {
  const it = { type, resolve: () => ({ id: "01990000-0000-7000-8000-000000000000" }) };
  return new GraphQLSchema({ query: new GraphQLObjectType({ name: "Probe", fields: { it } }), types });
}

function named(name: string): GraphQLObjectType {
  const type = types.find((candidate) => candidate.name === name);
  if (type === undefined) throw new Error(`there is no type ${name}`);
  return type;
}

async function storeToken(values: Partial<typeof adminTokens.$inferInsert>): Promise<string> {
  const { token } = makeToken();
  await admins.db.insert(adminTokens).values({ name: "test", tokenHash: hashToken(token), ...values });
  return token;
}
