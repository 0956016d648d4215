/** Renders Markdown for tests, without page breaks. */
import type { FormattedText } from "../../../../src/bot/reply/markdown/formatted-text.ts";
import { paginate } from "../../../../src/bot/reply/pages/pages.ts";

/** The whole text as one Telegram text. */
export function renderMarkdown(markdown: string, { final }: { final: boolean }): FormattedText {
  const [page = { text: "", entities: [] }] = paginate(markdown, { final, limit: Number.POSITIVE_INFINITY });
  return page;
}

/** Each entity as its type and text. */
export function described({ text, entities }: FormattedText): string[] {
  return entities.map((entity) => {
    const content = text.slice(entity.offset, entity.offset + entity.length);
    if (entity.type === "text_link")
      return entity.url === content ? `link ${content}` : `link ${content} -> ${entity.url}`;
    return entity.type === "pre" && entity.language ? `pre ${entity.language} ${content}` : `${entity.type} ${content}`;
  });
}
