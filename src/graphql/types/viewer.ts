/** Who asks. */
import type { Admin as AdminIdentity } from "../auth.ts";
import { unauthenticated } from "../auth.ts";
import { builder } from "../builder.ts";

const AdminScope = builder.enumType("AdminScope", {
  description: "What an admin token allows.",
  values: {
    VIEWER: { value: "viewer", description: "To read." },
    ADMIN: { value: "admin", description: "To read and to change." },
  } satisfies Record<string, { value: AdminIdentity["scope"]; description: string }>,
});

const Admin = builder.objectRef<AdminIdentity>("Admin").implement({
  description: "One who holds an admin token.",
  fields: (t) => ({
    name: t.exposeString("name", { description: "The name that the token was made under." }),
    scope: t.expose("scope", { type: AdminScope, description: "What the token allows." }),
  }),
});

builder.queryField("viewer", (t) =>
  t.field({
    type: Admin,
    description: "The admin whose token this request brought.",
    resolve: (_, __, { admin }) => {
      if (admin === null) throw unauthenticated();
      return admin;
    },
  }),
);
