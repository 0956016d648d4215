/** The root of all changes. Every field of it is refused to one whose token only reads, see `deny-by-default.ts`. */
import { builder } from "../builder.ts";

builder.mutationType({
  description: "All that admins can change. Each field needs an admin token with the scope ADMIN.",
});
