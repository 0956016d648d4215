/** Finds a code block that is still open at the end of a text, by looking at its lines. */

/** A line that opens or closes a top-level code block. */
const FENCE = /^ {0,3}(`{3,}(?!.*`)|~{3,})(.*)$/;
/** The same after the markers of quotes and list items. */
const FENCE_IN_CONTAINER = /^(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*(`{3,}(?!.*`)|~{3,})(.*)$/;

/** The text, with its last code block closed. Otherwise, text that is appended would become code. */
export function withClosedFence(text: string): string {
  const open = openFence(text, FENCE);
  return open === "" ? text : `${text}\n${open}`;
}

/** Whether a code block in a quote or list item is open at the end: a cut there would lose it. */
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
