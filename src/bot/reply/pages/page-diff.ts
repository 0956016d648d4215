/** The pages that the chat shows, and the calls that turn them into the wanted ones. Pure bookkeeping. */
import type { FormattedText } from "../markdown/formatted-text.ts";

/** What a reply should show now: its pages, one message each. */
export interface View {
  pages: readonly FormattedText[];
  /** Whether it is complete: then messages beyond the last page are deleted. */
  isFinal: boolean;
  /** The button below the last page: stop while it grows, retry if asking again may help. */
  button: ReplyButton | null;
}

export type ReplyButton = "stop" | "retry";

export interface PageContent extends FormattedText {
  /** The button below it. Every edit must repeat it, or Telegram removes it. */
  button: ReplyButton | null;
}

export interface PageToSend extends PageContent {
  /** Only the first message of a reply quotes the question and notifies the person. */
  isFirst: boolean;
}

/** A Telegram message that shows a page. */
export interface SentPage {
  readonly messageId: number;
  /** What it shows, to skip an edit without a change; null if unknown. */
  content: PageContent | null;
  /** Deleted by the person, or no longer editable: no more calls for it. */
  isGone: boolean;
}

export type Step =
  | { kind: "send"; page: PageToSend }
  | { kind: "edit"; sent: SentPage; page: PageContent }
  | { kind: "remove"; sent: SentPage };

export interface SentPages {
  messageIds(): number[];
  isEmpty(): boolean;
  /** The calls that this view still needs, first page first; none if the chat shows all of it. */
  stepsTo(view: View): Step[];
  recordSend(messageId: number, page: PageContent): void;
  recordEdit(sent: SentPage, page: PageContent): void;
  /** The chat became another one, without these messages. */
  clear(): void;
}

/** `messageIds` already show this reply, from an earlier attempt; their content is unknown. */
export function createSentPages(messageIds: readonly number[]): SentPages {
  const sentPages: SentPage[] = messageIds.map((messageId) => ({ messageId, content: null, isGone: false }));
  return {
    messageIds: () => sentPages.map(({ messageId }) => messageId),
    isEmpty: () => sentPages.length === 0,
    stepsTo({ pages, isFinal, button: lastButton }) {
      const steps = pages.flatMap((page, index): Step[] => {
        const sent = sentPages[index];
        const button = index === pages.length - 1 ? lastButton : null;
        if (!sent) return [{ kind: "send", page: { ...page, button, isFirst: index === 0 } }];
        if (sent.isGone || isSame(sent.content, page, button)) return [];
        return [{ kind: "edit", sent, page: { ...page, button } }];
      });
      const surplus = isFinal ? sentPages.slice(pages.length).filter(({ isGone }) => !isGone) : [];
      return [...steps, ...surplus.map((sent) => ({ kind: "remove" as const, sent }))];
    },
    recordSend: (messageId, page) => void sentPages.push({ messageId, content: page, isGone: false }),
    recordEdit(sent, page) {
      sent.content = page;
    },
    clear() {
      sentPages.length = 0;
    },
  };
}

function isSame(content: PageContent | null, { text, entities }: FormattedText, button: ReplyButton | null): boolean {
  if (content?.text !== text || content.button !== button) return false;
  return content.entities === entities || JSON.stringify(content.entities) === JSON.stringify(entities);
}
