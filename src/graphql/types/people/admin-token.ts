/** Admin tokens, and the list of them, for the scope ADMIN. A viewer sees its own token only. */
import {
  type AdminTokenRow,
  findAdminTokens,
  listAdminTokens,
  type AdminTokenStatus as Status,
} from "../../../db/queries/admin/tokens.ts";
import { builder } from "../../builder.ts";
import type { AdminContext } from "../../context.ts";
import { forbidden } from "../../guards/auth.ts";
import { openPage, type Page, type PageArguments } from "../../lists/page.ts";
import { connection, pageArguments } from "../connections.ts";
import { isDescending, OrderDirection } from "../inputs.ts";
import { list } from "../reading.ts";
import { AdminScope } from "./admin-scope.ts";

export const AdminToken = builder.loadableNodeRef("AdminToken", {
  id: { resolve: (row: AdminTokenRow) => row.id },
  load: loadAdminTokens,
  cacheResolved: (row) => row.id,
});

const AdminTokenStatus = builder.enumType("AdminTokenStatus", {
  description: "Whether an admin token is valid.",
  values: {
    VALID: { value: "valid", description: "The token is valid." },
    EXPIRED: { value: "expired", description: "The token has expired." },
    REVOKED: { value: "revoked", description: "The token was revoked. It may have expired as well." },
  } satisfies Record<string, { value: Status; description: string }>,
});

AdminToken.implement({
  description:
    "An admin token, which gives access to this API. Only the scope ADMIN shows the tokens of others. The secret itself is not stored. The configured `ADMIN_TOKEN` is not listed.",
  authScopes: (row, { admin }) => (row.id === admin?.tokenId ? { reader: true } : { admin: true }),
  fields: (t) => ({
    name: t.exposeString("name", { description: "The name given at creation; not always unique." }),
    prefix: t.exposeString("prefix", {
      nullable: true,
      description:
        "The first nine characters, to recognize the token; null for tokens from before prefixes were introduced.",
    }),
    scope: t.expose("scope", { type: AdminScope, description: "What the token allows." }),
    status: t.expose("status", { type: AdminTokenStatus, description: "Whether the token is valid." }),
    createdBy: t.exposeString("createdBy", {
      nullable: true,
      description: "The name of the token that created it; null if it was created on the command line.",
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the token was created." }),
    expiresAt: t.expose("expiresAt", {
      type: "DateTime",
      nullable: true,
      description: "When the token expires; null if never.",
    }),
    lastUsedAt: t.expose("lastUsedAt", {
      type: "DateTime",
      nullable: true,
      description: "When the token was last used, to the minute; null if never.",
    }),
    revokedAt: t.expose("revokedAt", {
      type: "DateTime",
      nullable: true,
      description: "When the token was revoked; null if it was not.",
    }),
  }),
});

const AdminTokenConnection = connection("AdminToken", AdminToken);

const AdminTokenFilter = builder.inputType("AdminTokenFilter", {
  description: "Filters admin tokens. All given conditions must match.",
  fields: (t) => ({
    status: t.field({
      type: [AdminTokenStatus],
      description: "Tokens with one of these statuses. An empty list matches nothing.",
    }),
    scope: t.field({ type: AdminScope, description: "Tokens with this scope." }),
  }),
});

const AdminTokenOrderField = builder.enumType("AdminTokenOrderField", {
  description: "Fields by which admin tokens can be ordered.",
  values: { CREATED_AT: { value: "createdAt", description: "By time of creation." } } as const,
});

const AdminTokenOrder = builder.inputType("AdminTokenOrder", {
  description: "How to order admin tokens.",
  fields: (t) => ({
    field: t.field({ type: AdminTokenOrderField, required: true, description: "The field to order by." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Ascending or descending." }),
  }),
});

builder.queryField("adminTokens", (t) =>
  t.field({
    type: AdminTokenConnection,
    description:
      "The admin tokens, including revoked and expired ones; newest first by default. Needs the scope ADMIN.",
    authScopes: { admin: true },
    args: {
      ...pageArguments,
      filter: t.arg({ type: AdminTokenFilter, description: "Filters the list." }),
      orderBy: t.arg({ type: AdminTokenOrder, description: "Orders the list." }),
    },
    ...list(openAdminTokens),
  }),
);

type Arguments = PageArguments & {
  readonly filter?: typeof AdminTokenFilter.$inferInput | null | undefined;
  readonly orderBy?: typeof AdminTokenOrder.$inferInput | null | undefined;
};

function openAdminTokens(context: AdminContext, args: Arguments): Page<AdminTokenRow> {
  const listing = listAdminTokens(args.filter ?? {}, context.environment.sandbox);
  return openPage(context, { listing, descending: isDescending(args.orderBy), args });
}

/** Refuses before it reads: a viewer must not learn either whether such a token exists. */
async function loadAdminTokens(
  ids: string[],
  { db, admin, environment }: AdminContext,
): Promise<readonly (AdminTokenRow | Error | null)[]> {
  const mayRead = (id: string) => admin?.scope === "admin" || (admin !== null && id === admin.tokenId);
  const rows = await findAdminTokens(db, ids.filter(mayRead), environment.sandbox);
  return ids.map((id) => (mayRead(id) ? (rows.find((row) => row.id === id) ?? null) : forbidden()));
}
