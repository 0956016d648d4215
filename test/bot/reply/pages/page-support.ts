/** Helpers for tests of pages. */
import type { FormattedText } from "../../../../src/bot/reply/markdown/formatted-text.ts";
import { TABLE_RULE } from "../../../../src/bot/reply/markdown/table.ts";

export function texts(pages: readonly FormattedText[]): string[] {
  return pages.map((page) => page.text);
}

/** The entities that cover a whole page. */
export function covering(page: FormattedText): string[] {
  return page.entities
    .filter((entity) => entity.offset === 0 && entity.length === page.text.length)
    .map((entity) => (entity.type === "pre" && entity.language ? `pre ${entity.language}` : entity.type));
}

/** The visible characters without those that depend on the page: a table's padding and the line under its header. */
export function visible(text: string): string {
  return text.replaceAll(TABLE_RULE, "").replace(/[\s\p{Cf}]/gu, "");
}
