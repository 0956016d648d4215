/** The server under test, as tests see it. */
import { inject } from "vitest";
import type { Actions } from "./actions.ts";
import type {} from "./global-setup.ts";

export const { url, token, seeded } = inject("served");

export const headers = { authorization: `Bearer ${token}` };

const { controlUrl } = inject("served");

/** Performs an action on the server. Its changes are committed when this resolves. */
export async function perform<Name extends keyof Actions>(
  name: Name,
  ...args: Parameters<Actions[Name]>
): Promise<Awaited<ReturnType<Actions[Name]>>> {
  const response = await fetch(`${controlUrl}/${name}`, { method: "POST", body: JSON.stringify(args[0] ?? {}) });
  if (!response.ok) throw new Error(`'${name}' failed: ${await response.text()}`);
  return (await response.json()) as Awaited<ReturnType<Actions[Name]>>;
}
