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
  description: "Whether a token still opens anything.",
  values: {
    VALID: { value: "valid", description: "It does." },
    EXPIRED: { value: "expired", description: "Its time is over." },
    REVOKED: { value: "revoked", description: "It was revoked, whether or not its time is over too." },
  } satisfies Record<string, { value: Status; description: string }>,
});

AdminToken.implement({
  description:
    "A token that opens this API. Only those with the scope ADMIN see the tokens of others. The token itself is stored nowhere, and the configured `ADMIN_TOKEN` is not among them.",
  authScopes: (row, { admin }) => (row.id === admin?.tokenId ? { reader: true } : { admin: true }),
  fields: (t) => ({
    name: t.exposeString("name", { description: "What it was called by whoever made it; not always unique." }),
    prefix: t.exposeString("prefix", {
      nullable: true,
      description:
        "Its first nine characters, to recognise it by; null for one made before tokens had such a beginning.",
    }),
    scope: t.expose("scope", { type: AdminScope, description: "What it allows." }),
    status: t.expose("status", { type: AdminTokenStatus, description: "Whether it still opens anything." }),
    createdBy: t.exposeString("createdBy", {
      nullable: true,
      description: "The name of the token with which it was made; null for one from the command line.",
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was made." }),
    expiresAt: t.expose("expiresAt", {
      type: "DateTime",
      nullable: true,
      description: "From when on it opens nothing; null for one that does not expire.",
    }),
    lastUsedAt: t.expose("lastUsedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it was last used, to a minute; null for one that never was.",
    }),
    revokedAt: t.expose("revokedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it was revoked; null unless it was.",
    }),
  }),
});

const AdminTokenConnection = connection("AdminToken", AdminToken);

const AdminTokenFilter = builder.inputType("AdminTokenFilter", {
  description: "Which tokens; all conditions given must hold.",
  fields: (t) => ({
    status: t.field({ type: [AdminTokenStatus], description: "In one of these states; an empty list finds nothing." }),
    scope: t.field({ type: AdminScope, description: "With this scope." }),
  }),
});

const AdminTokenOrderField = builder.enumType("AdminTokenOrderField", {
  description: "By what tokens can be ordered.",
  values: { CREATED_AT: { value: "createdAt", description: "When they were made." } } as const,
});

const AdminTokenOrder = builder.inputType("AdminTokenOrder", {
  description: "An order of tokens.",
  fields: (t) => ({
    field: t.field({ type: AdminTokenOrderField, required: true, description: "By what." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Which end comes first." }),
  }),
});

builder.queryField("adminTokens", (t) =>
  t.field({
    type: AdminTokenConnection,
    description:
      "The tokens that open this API, the revoked and the expired among them; the newest first unless ordered otherwise. Needs the scope ADMIN.",
    authScopes: { admin: true },
    args: {
      ...pageArguments,
      filter: t.arg({ type: AdminTokenFilter, description: "Which of them." }),
      orderBy: t.arg({ type: AdminTokenOrder, description: "In which order." }),
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
