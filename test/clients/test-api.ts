/** The server under test, as a test sees it. */
import { inject } from "vitest";
import type { Happenings } from "./actions.ts";
import type {} from "./global-setup.ts";

export const { url, token, seeded } = inject("served");

export const headers = { authorization: `Bearer ${token}` };

const { controlUrl } = inject("served");

/** Lets something happen on the server; it has when this resolves. */
export async function happen<Name extends keyof Happenings>(
  name: Name,
  ...args: Parameters<Happenings[Name]>
): Promise<Awaited<ReturnType<Happenings[Name]>>> {
  const response = await fetch(`${controlUrl}/${name}`, { method: "POST", body: JSON.stringify(args[0] ?? {}) });
  if (!response.ok) throw new Error(`'${name}' failed: ${await response.text()}`);
  return (await response.json()) as Awaited<ReturnType<Happenings[Name]>>;
}
