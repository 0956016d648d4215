/** Creates and revokes admin tokens. Only the answer contains a new token: no row and no log line does. */
import {
  type AdminTokenRow,
  createAdminTokenWithinLimit,
  isPast,
  MAX_VALID_TOKENS,
  type NewAdminToken,
  revokeAdminToken,
} from "../../../db/queries/admin/tokens.ts";
import { findNameFault, MAX_NAME_LENGTH, makeToken, type NameFault } from "../../../tokens/make-token.ts";
import { builder } from "../../builder.ts";
import type { AdminContext } from "../../context.ts";
import { hashToken, unauthenticated } from "../../guards/auth.ts";
import { UserError, type UserErrorFacts } from "../user-error.ts";
import { AdminScope } from "./admin-scope.ts";
import { AdminToken } from "./admin-token.ts";

/** The result of a mutation of a token. */
interface Outcome {
  readonly adminToken: AdminTokenRow | null;
  readonly userErrors: readonly UserErrorFacts[];
}

/** `token`: the whole token, for the answer only. */
type Creation = Outcome & { readonly token: string | null };

const CreateAdminTokenInput = builder.inputType("CreateAdminTokenInput", {
  description: "The properties of a new admin token.",
  fields: (t) => ({
    name: t.string({
      required: true,
      description: `What the token is for, such as the program that will use it; 1 to ${MAX_NAME_LENGTH} characters.`,
    }),
    scope: t.field({ type: AdminScope, required: true, defaultValue: "viewer", description: "What the token allows." }),
    expiresAt: t.field({ type: "DateTime", description: "When the token expires; never by default." }),
  }),
});

const CreateAdminTokenPayload = builder.objectRef<Creation>("CreateAdminTokenPayload").implement({
  description: "The result of `createAdminToken`.",
  authScopes: { admin: true },
  fields: (t) => ({
    token: t.exposeString("token", {
      nullable: true,
      description: "The token itself, shown only this once. Null if none was created.",
    }),
    adminToken: t.field({
      type: AdminToken,
      nullable: true,
      description: "Details of the new token; null if none was created.",
      resolve: ({ adminToken }) => adminToken,
    }),
    userErrors: t.field({
      type: [UserError],
      description: "Why no token was created; empty on success.",
      resolve: ({ userErrors }) => [...userErrors],
    }),
  }),
});

const RevokeAdminTokenInput = builder.inputType("RevokeAdminTokenInput", {
  description: "The token to revoke.",
  fields: (t) => ({
    id: t.globalID({ for: AdminToken, required: true, description: "The `id` of the token." }),
  }),
});

const RevokeAdminTokenPayload = builder.objectRef<Outcome>("RevokeAdminTokenPayload").implement({
  description: "The result of `revokeAdminToken`.",
  authScopes: { admin: true },
  fields: (t) => ({
    adminToken: t.field({
      type: AdminToken,
      nullable: true,
      description: "The revoked token; null if there is no token with this id.",
      resolve: ({ adminToken }) => adminToken,
    }),
    userErrors: t.field({
      type: [UserError],
      description: "Why no token was revoked; empty if the token is revoked, now or before.",
      resolve: ({ userErrors }) => [...userErrors],
    }),
  }),
});

builder.mutationField("createAdminToken", (t) =>
  t.field({
    type: CreateAdminTokenPayload,
    description: `Creates an admin token. At most ${MAX_VALID_TOKENS} tokens can be valid at the same time.`,
    args: {
      input: t.arg({ type: CreateAdminTokenInput, required: true, description: "The properties of the token." }),
    },
    resolve: (_, { input }, context) => create(context, input),
  }),
);

builder.mutationField("revokeAdminToken", (t) =>
  t.field({
    type: RevokeAdminTokenPayload,
    description:
      "Revokes an admin token permanently, even the one that sends this request. It is refused from the next request on.",
    args: { input: t.arg({ type: RevokeAdminTokenInput, required: true, description: "The token to revoke." }) },
    resolve: (_, { input }, context) => revoke(context, input.id.id),
  }),
);

async function create(context: AdminContext, input: typeof CreateAdminTokenInput.$inferInput): Promise<Creation> {
  const name = input.name.trim();
  const expiresAt = input.expiresAt == null ? null : new Date(input.expiresAt);
  const userErrors = await findUserErrors(context, name, expiresAt);
  if (userErrors.length > 0) return { token: null, adminToken: null, userErrors };
  const { token, prefix } = makeToken();
  const { sandbox } = context.environment;
  const facts = { name, scope: input.scope, prefix, expiresAt, sandbox, tokenHash: hashToken(token) };
  const adminToken = await store(context, facts);
  if (adminToken === null) return { token: null, adminToken, userErrors: [LIMIT_REACHED] };
  return { token, adminToken, userErrors: [] };
}

async function store(context: AdminContext, facts: NewAdminToken): Promise<AdminTokenRow | null> {
  const { admin } = context;
  if (admin === null) throw unauthenticated();
  const row = await createAdminTokenWithinLimit(context.db, { ...facts, createdBy: admin.name });
  if (row) context.logger.info({ ...logFacts(row), expiresAt: row.expiresAt, by: admin.name }, "admin token created");
  return row;
}

async function revoke(context: AdminContext, id: string): Promise<Outcome> {
  const revoked = await revokeAdminToken(context.db, { id, sandbox: context.environment.sandbox });
  if (revoked === null) return { adminToken: null, userErrors: [NOT_FOUND] };
  const { row, isChanged } = revoked;
  if (isChanged) context.logger.info({ ...logFacts(row), by: context.admin?.name }, "admin token revoked");
  return { adminToken: row, userErrors: [] };
}

function logFacts({ id, name, prefix, scope }: AdminTokenRow): object {
  return { adminTokenId: id, name, prefix, scope };
}

const LIMIT_REACHED: UserErrorFacts = {
  field: ["input"],
  message: `The limit of ${MAX_VALID_TOKENS} valid tokens is reached: revoke one that is no longer used`,
  code: "limit reached",
};

const NOT_FOUND: UserErrorFacts = { field: ["input", "id"], message: "No token has this id", code: "not found" };

const NAME_ERRORS: Record<NonNullable<NameFault>, string> = {
  blank: "A token needs a name",
  "too long": `A token's name has at most ${MAX_NAME_LENGTH} characters`,
  unprintable: "A token's name must not contain control characters",
};

async function findUserErrors({ db }: AdminContext, name: string, expiresAt: Date | null): Promise<UserErrorFacts[]> {
  const errors: UserErrorFacts[] = [];
  const code = findNameFault(name);
  if (code !== null) errors.push({ field: ["input", "name"], message: NAME_ERRORS[code], code });
  if (expiresAt !== null && (await isPast(db, expiresAt))) {
    const message = "'expiresAt' must be in the future";
    errors.push({ field: ["input", "expiresAt"], message, code: "in the past" });
  }
  return errors;
}
