/**
 * The schema builder: Pothos with Relay ids, scopes, loaders and the cost of a query.
 *
 * Types register with it when their files are imported; `schema.ts` imports them all. An import has no other effect.
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
   * `reader`: a valid token with any scope. `admin`: a valid token with the scope ADMIN. A field without scopes of its own is
   * for readers, see `deny-by-default.ts`.
   */
  AuthScopes: { reader: boolean; admin: boolean };
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    /** An input is RFC 3339, in UTC, to the microsecond. */
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
    // Once per object instead of once per field.
    runScopesOnType: true,
    // When a client subscribes, and not only when it receives an event.
    authorizeOnSubscribe: true,
  },
  complexity: { limit: COST_LIMITS, complexityError: tooComplex, defaultListMultiplier: 1 },
  relay: {
    encodeGlobalID: (type, id) => encodeGlobalId(type, String(id)),
    decodeGlobalID: decodeGlobalId,
    nodeTypeOptions: { description: "An object with a global id." },
    idFieldOptions: {
      description: "The global id of the object. It is opaque and never changes. Pass it to `Query.node`.",
    },
    nodeQueryOptions: {
      description: "The object with this id, or null if there is none.",
      args: { id: { description: "The `id` of any object of this API." } },
    },
    nodesQueryOptions: {
      description: "The objects with these ids, in the same order, with null for unknown ids. At most 100 ids.",
      args: { ids: { description: "The `id`s of any objects of this API." } },
      complexity: ({ ids }: { ids: readonly unknown[] }) => ({ field: 1, multiplier: ids.length }),
      resolve: (_, { ids }, __, ___, load) => {
        if (ids.length > MAX_PAGE_SIZE) throw new BadInputError(`Give at most ${MAX_PAGE_SIZE} ids`);
        return load(ids);
      },
    },
  },
});
