/**
 * A reply as the Telegram messages that show it, each within the limit.
 *
 * Pages that are full stay as they are while the text grows, and showing what was added costs as much as one page, however long
 * the reply is. It knows nothing of when pages are sent.
 */
import { isDeepStrictEqual } from "node:util";
import type { FormattedText } from "../markdown/formatted-text.ts";
import { createMarkdownReader } from "../markdown/reader.ts";
import { cleanSource } from "../markdown/source.ts";
import { closeBook, copyBook, createBook, pour, pourNote } from "./paginator.ts";

/** The longest text of a message in UTF-16 units, entities parsed (Bot API, `sendMessage`). */
export const TELEGRAM_TEXT_LIMIT = 4_096;

/** A reply's Markdown while it grows, as pages. */
export interface GrowingPages {
  append(markdown: string): void;
  /**
   * The pages of all so far in order, none of them empty; none for blank Markdown. Bold, code and quotes that a cut goes through
   * are closed there and opened again on the next page. A page that looks as it did last time is the same object.
   *
   * @param options.final true when the text is complete, and is read as it stands. Else what is only half there at its end is
   *   shown as if closed, and all pages but the last stay.
   * @param options.status plain text, shown in italics as a paragraph of its own at the end; left out when the last page has no
   *   room for it
   */
  pages(options: { final: boolean; status?: string }): readonly FormattedText[];
}

/** @param options.limit UTF-16 units a page, {@link TELEGRAM_TEXT_LIMIT} unless told */
export function createGrowingPages(options: { limit?: number } = {}): GrowingPages {
  const reader = createMarkdownReader();
  const settled = createBook(options.limit ?? TELEGRAM_TEXT_LIMIT);
  let shown: readonly FormattedText[] = [];

  return {
    append: (markdown) => reader.append(markdown),
    pages({ final, status = "" }) {
      for (const block of reader.takeSettled()) pour(settled, block);
      const book = copyBook(settled);
      for (const block of reader.unsettled({ final })) pour(book, block);
      pourNote(book, cleanSource(status).trim());
      shown = closeBook(book).map((page, index) => sameOr(page, shown[index]));
      return shown;
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

function sameOr(page: FormattedText, before: FormattedText | undefined): FormattedText {
  return before !== undefined && isDeepStrictEqual(page, before) ? before : page;
}
