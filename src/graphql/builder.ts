/**
 * The schema builder: Pothos with Relay ids, scopes, loaders and the cost of a query.
 *
 * Types register with it when their files are imported; `schema.ts` imports them all. Nothing else happens on import.
 */
import SchemaBuilder from "@pothos/core";
import ComplexityPlugin from "@pothos/plugin-complexity";
import DataloaderPlugin from "@pothos/plugin-dataloader";
import RelayPlugin from "@pothos/plugin-relay";
import ScopeAuthPlugin from "@pothos/plugin-scope-auth";
import { BadInputError } from "../errors.ts";
import type { AdminContext } from "./context.ts";
import { forbidden, unauthenticated } from "./guards/auth.ts";
import { COST_LIMITS, tooComplex } from "./guards/limits.ts";
import { decodeGlobalId, encodeGlobalId } from "./lists/ids.ts";
import { MAX_PAGE_SIZE } from "./lists/page.ts";

export interface SchemaTypes {
  Context: AdminContext;
  /**
   * `reader`: one who holds a valid token, whatever its scope. `admin`: one whose token has the scope ADMIN. A field that
   * says nothing is for readers, see `deny-by-default.ts`.
   */
  AuthScopes: { reader: boolean; admin: boolean };
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    /** In: RFC 3339, in UTC, to the microsecond. */
    DateTime: { Input: string; Output: Date };
    Date: { Input: string; Output: string };
    /** Plain, such as `0.000123`; see `types/decimal.ts` for its size. */
    Decimal: { Input: string; Output: string };
    /** A whole number that may be larger than an `Int`; never an input. */
    Count: { Input: never; Output: number };
    JSON: { Input: unknown; Output: unknown };
  };
}

export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [ScopeAuthPlugin, ComplexityPlugin, RelayPlugin, DataloaderPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    authScopes: ({ admin }) => ({ reader: admin !== null, admin: admin?.scope === "admin" }),
    unauthorizedError: (_, { admin }) => (admin === null ? unauthenticated() : forbidden()),
    // Once for an object instead of once for each of its fields.
    runScopesOnType: true,
    // Before anything is followed, and not only before it is shown.
    authorizeOnSubscribe: true,
  },
  complexity: { limit: COST_LIMITS, complexityError: tooComplex, defaultListMultiplier: 1 },
  relay: {
    encodeGlobalID: (type, id) => encodeGlobalId(type, String(id)),
    decodeGlobalID: decodeGlobalId,
    nodeTypeOptions: { description: "Anything that has an id of its own and can be fetched by it." },
    idFieldOptions: { description: "Opaque; the same for as long as the object exists. Give it to `Query.node`." },
    nodeQueryOptions: {
      description: "The object with this id, or null where there is none.",
      args: { id: { description: "The `id` of any object of this API." } },
    },
    nodesQueryOptions: {
      description: "The objects with these ids, in their order, with null where there is none. At most 100.",
      args: { ids: { description: "The `id`s of any objects of this API." } },
      complexity: ({ ids }: { ids: readonly unknown[] }) => ({ field: 1, multiplier: ids.length }),
      resolve: (_, { ids }, __, ___, load) => {
        if (ids.length > MAX_PAGE_SIZE) throw new BadInputError(`Give at most ${MAX_PAGE_SIZE} ids`);
        return load(ids);
      },
    },
  },
});
