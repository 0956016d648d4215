/** Loads the arguments and outputs of tool calls. One statement reads everything that an operation requests of them. */
import { findToolValues, type ValuePart, type ValuePreview } from "../../../db/queries/admin/tool-values.ts";
import type { AdminContext } from "../../context.ts";
import { checkPreviewLength } from "../conversations/preview.ts";

export function loadToolValue(context: AdminContext, value: ValuePart["value"], id: string): Promise<unknown> {
  return loadPart(context, { value, preview: null }, id);
}

/** Null if the call has no such value yet. @throws {BadInputError} for a length out of bounds. */
export async function loadToolValuePreview(
  context: AdminContext,
  value: ValuePart["value"],
  id: string,
  length: number,
): Promise<ValuePreview | null> {
  const preview = await loadPart(context, { value, preview: checkPreviewLength(length) }, id);
  // `findToolValues` gives this type for a part with a preview.
  return preview as ValuePreview | null;
}

function loadPart(context: AdminContext, part: ValuePart, id: string): Promise<unknown> {
  return context.load("toolValues", `${id} ${JSON.stringify(part)}`, async (keys) => {
    const asked = keys.map((key) => key.split(" ") as [id: string, part: string]);
    const ids = [...new Set(asked.map(([id]) => id))];
    const parts = [...new Set(asked.map(([, part]) => part))];
    const rows = await findToolValues(context.db, ids, parts.map(toPart));
    const byId = new Map(rows.map((row) => [row.id, row.values]));
    return asked.map(([id, part]) => byId.get(id)?.[parts.indexOf(part)] ?? null);
  });
}

function toPart(text: string): ValuePart {
  return JSON.parse(text) as ValuePart;
}
