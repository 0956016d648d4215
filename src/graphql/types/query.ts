/** The root of all queries. Each of its fields needs a valid token, see `deny-by-default.ts`. */
import { builder } from "../builder.ts";

builder.queryType({
  description: "All data that admins can read. Each field needs a valid admin token.",
});
