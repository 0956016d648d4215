/** Fields of a call that a server of Chat Completions wants back unchanged: Google's signatures, also as LiteLLM sends them. */
import { isRecord } from "../json.ts";

const FIELDS = ["extra_content", "provider_specific_fields"] as const;

/** Those of a call, or of an item that was made of it. */
export function callExtrasOf(call: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(FIELDS.flatMap((field) => (isRecord(call[field]) ? [[field, call[field]]] : [])));
}

/** The item without them. */
export function withoutCallExtras(item: object): object {
  return Object.fromEntries(Object.entries(item).filter(([field]) => !(FIELDS as readonly string[]).includes(field)));
}
