/**
 * A model's Markdown as one Telegram text with entities, which Telegram cannot fail to parse.
 *
 * It knows nothing of message lengths (see `pages.ts`) and of when a text is sent.
 */
import type { FormattedText } from "./formatted-text.ts";
import { joinParts, renderParts } from "./markdown-blocks.ts";

export type { FormattedText } from "./formatted-text.ts";

/**
 * CommonMark and GFM as Telegram text. HTML stays text, a link shows its address, tables become aligned lines. Blank
 * Markdown gives an empty text. Never throws.
 *
 * @param options.final true for the whole text, which is read as it stands. False for the beginning of a text that grows:
 *   bold, code, links and tables that are only half there are shown as if closed, and a lone marker at the end is kept back.
 */
export function renderMarkdown(markdown: string, options: { final: boolean }): FormattedText {
  return joinParts(renderParts(markdown, options));
}
