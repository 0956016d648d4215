/** Code blocks that are open where a text ends, told by its lines alone. */

/** A line that opens or closes a code block of its own. */
const FENCE = /^ {0,3}(`{3,}(?!.*`)|~{3,})(.*)$/;
/** The same behind the marks of quotes and items. */
const FENCE_IN_CONTAINER = /^(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*(`{3,}(?!.*`)|~{3,})(.*)$/;

/** The text, with the code block closed in which it broke off: else what is added would be code too. */
export function withClosedFence(text: string): string {
  const open = openFence(text, FENCE);
  return open === "" ? text : `${text}\n${open}`;
}

/** Whether a code block is open at the end of a quote or an item: what follows would not be read as code without it. */
export function endsInFence(text: string): boolean {
  return openFence(text, FENCE_IN_CONTAINER) !== "";
}

function openFence(text: string, pattern: RegExp): string {
  let open = "";
  for (const line of text.split("\n")) {
    const [, fence = "", rest = ""] = pattern.exec(line) ?? [];
    if (open === "") open = fence;
    else if (fence.startsWith(open) && rest.trim() === "") open = "";
  }
  return open;
}
