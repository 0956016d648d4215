/**
 * A reply as the Telegram messages that show it, each within the limit.
 *
 * Full pages stay unchanged while the text grows. An addition costs as much as one page, however long the reply is. This
 * module does not know when pages are sent.
 */
import { isDeepStrictEqual } from "node:util";
import type { FormattedText } from "../markdown/formatted-text.ts";
import { createMarkdownReader } from "../markdown/reader.ts";
import { cleanSource } from "../markdown/source.ts";
import { addBlock, addStatus, copyPaginator, createPaginator, finishPages } from "./paginator.ts";

/** The longest text of a message in UTF-16 units, after entity parsing (Bot API, `sendMessage`). */
export const TELEGRAM_TEXT_LIMIT = 4_096;

/** The pages of Markdown that is still growing. */
export interface GrowingPages {
  append(markdown: string): void;
  /**
   * All pages so far in order, none of them empty; none for blank Markdown. Bold, code and quotes across a page break are
   * closed there and opened again on the next page. A page that has not changed since the last call is the same object.
   *
   * @param options.final true if the text is complete. Else unfinished markup at the end is shown as if closed, and only the
   *   last page may still change.
   * @param options.status plain text, shown in italics as the last paragraph; omitted if the last page has no room for it
   */
  pages(options: { final: boolean; status?: string }): readonly FormattedText[];
}

/** @param options.limit UTF-16 units per page. Default: {@link TELEGRAM_TEXT_LIMIT} */
export function createGrowingPages(options: { limit?: number } = {}): GrowingPages {
  const reader = createMarkdownReader();
  const settled = createPaginator(options.limit ?? TELEGRAM_TEXT_LIMIT);
  let lastPages: readonly FormattedText[] = [];

  return {
    append: (markdown) => reader.append(markdown),
    pages({ final, status = "" }) {
      for (const block of reader.takeSettled()) addBlock(settled, block);
      const paginator = copyPaginator(settled);
      for (const block of reader.unsettled({ final })) addBlock(paginator, block);
      addStatus(paginator, cleanSource(status).trim());
      lastPages = finishPages(paginator).map((page, index) => reuseIfEqual(page, lastPages[index]));
      return lastPages;
    },
  };
}

/** The pages of a whole text, see {@link GrowingPages}. */
export function paginate(markdown: string, options: { final: boolean; limit?: number }): readonly FormattedText[] {
  const { final, ...layout } = options;
  const pages = createGrowingPages(layout);
  pages.append(markdown);
  return pages.pages({ final });
}

function reuseIfEqual(page: FormattedText, earlier: FormattedText | undefined): FormattedText {
  return earlier !== undefined && isDeepStrictEqual(page, earlier) ? earlier : page;
}
