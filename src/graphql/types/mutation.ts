/** The root of all mutations. Each of its fields needs a token with the scope ADMIN, see `deny-by-default.ts`. */
import { builder } from "../builder.ts";

builder.mutationType({
  description: "All changes that admins can make. Each field needs an admin token with the scope ADMIN.",
});
