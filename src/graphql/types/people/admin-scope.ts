/** What an admin token allows. */
import { builder } from "../../builder.ts";
import type { Admin } from "../../guards/auth.ts";

export const AdminScope = builder.enumType("AdminScope", {
  description: "What an admin token allows.",
  values: {
    VIEWER: { value: "viewer", description: "Read data." },
    ADMIN: { value: "admin", description: "Read and change data, and see all admin tokens." },
  } satisfies Record<string, { value: Admin["scope"]; description: string }>,
});
