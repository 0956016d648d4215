/**
 * What of a reply is in the chat already, and which call brings it nearer to what it should show. Pure bookkeeping.
 */
import type { FormattedText } from "../markdown/formatted-text.ts";

/** What a reply should show now: its pages, one message each. */
export interface View {
  pages: readonly FormattedText[];
  /** Whether it is complete: then messages beyond the last page go. */
  isFinal: boolean;
  /** What shows beneath the last page: stop while it grows, retry where asking again may help. */
  button: ReplyButton | null;
}

export type ReplyButton = "stop" | "retry";

export interface PageContent extends FormattedText {
  /** What shows beneath it: every edit says so anew. */
  button: ReplyButton | null;
}

export interface PageToSend extends PageContent {
  /** The first message of a reply quotes the question and rings; the others do neither. */
  isFirst: boolean;
}

/** One message of Telegram's that shows a page. */
export interface ShownPage {
  readonly messageId: number;
  /** What it shows, to skip an edit that changes nothing; null when not known. */
  content: PageContent | null;
  /** Deleted by the person or no longer editable: left alone from then on. */
  gone: boolean;
}

export type Step =
  | { kind: "send"; page: PageToSend }
  | { kind: "edit"; shown: ShownPage; page: PageContent }
  | { kind: "remove"; shown: ShownPage };

export interface ShownPages {
  messageIds(): number[];
  isEmpty(): boolean;
  /** The calls that this view still needs, first page first; none when all of it is shown. */
  stepsTo(view: View): Step[];
  sent(messageId: number, page: PageContent): void;
  edited(shown: ShownPage, page: PageContent): void;
  /** The chat has become another one: nothing of it is there. */
  forget(): void;
}

/** `messageIds` show this reply already, from an earlier attempt; what they show is not known. */
export function createShownPages(messageIds: readonly number[]): ShownPages {
  const shown: ShownPage[] = messageIds.map((messageId) => ({ messageId, content: null, gone: false }));
  return {
    messageIds: () => shown.map(({ messageId }) => messageId),
    isEmpty: () => shown.length === 0,
    stepsTo({ pages, isFinal, button: lastButton }) {
      const steps = pages.flatMap((page, index): Step[] => {
        const at = shown[index];
        const button = index === pages.length - 1 ? lastButton : null;
        if (!at) return [{ kind: "send", page: { ...page, button, isFirst: index === 0 } }];
        if (at.gone || shows(at.content, page, button)) return [];
        return [{ kind: "edit", shown: at, page: { ...page, button } }];
      });
      const surplus = isFinal ? shown.slice(pages.length).filter(({ gone }) => !gone) : [];
      return [...steps, ...surplus.map((at) => ({ kind: "remove" as const, shown: at }))];
    },
    sent: (messageId, page) => void shown.push({ messageId, content: page, gone: false }),
    edited(at, page) {
      at.content = page;
    },
    forget() {
      shown.length = 0;
    },
  };
}

function shows(content: PageContent | null, { text, entities }: FormattedText, button: ReplyButton | null) {
  if (content?.text !== text || content.button !== button) return false;
  return content.entities === entities || JSON.stringify(content.entities) === JSON.stringify(entities);
}
