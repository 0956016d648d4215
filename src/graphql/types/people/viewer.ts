/** The admin who sends the request. */
import { builder } from "../../builder.ts";
import type { Admin as AdminIdentity } from "../../guards/auth.ts";
import { unauthenticated } from "../../guards/auth.ts";
import { AdminScope } from "./admin-scope.ts";
import { AdminToken } from "./admin-token.ts";

const Admin = builder.objectRef<AdminIdentity>("Admin").implement({
  description: "The holder of an admin token.",
  fields: (t) => ({
    name: t.exposeString("name", { description: "The name of the token." }),
    scope: t.expose("scope", { type: AdminScope, description: "What the token allows." }),
    token: t.field({
      type: AdminToken,
      nullable: true,
      description: "Details of the token, such as its expiry; null for the configured `ADMIN_TOKEN`.",
      resolve: ({ tokenId }) => tokenId,
    }),
  }),
});

builder.queryField("viewer", (t) =>
  t.field({
    type: Admin,
    description: "The admin whose token this request uses.",
    resolve: (_, __, { admin }) => {
      if (admin === null) throw unauthenticated();
      return admin;
    },
  }),
);
