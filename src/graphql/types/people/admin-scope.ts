/** What an admin token allows. */
import { builder } from "../../builder.ts";
import type { Admin } from "../../guards/auth.ts";

export const AdminScope = builder.enumType("AdminScope", {
  description: "What an admin token allows.",
  values: {
    VIEWER: { value: "viewer", description: "To read." },
    ADMIN: { value: "admin", description: "To read and to change, and to see who else holds a token." },
  } satisfies Record<string, { value: Admin["scope"]; description: string }>,
});
