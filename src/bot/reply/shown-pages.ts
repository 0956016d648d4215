/**
 * What of a reply is in the chat already, and which call brings it nearer to what it should show. Pure bookkeeping.
 */
import type { PageContent } from "./reply-text.ts";

export interface PageToSend extends PageContent {
  /** The first message of a reply quotes the question and rings; the others do neither. */
  isFirst: boolean;
}

/** One message of Telegram's that shows a page. */
export interface ShownPage {
  readonly messageId: number;
  /** What it shows, to skip an edit that changes nothing; null when not known. */
  key: string | null;
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
  /** The next call towards these pages, first page first; null when all is shown. Surplus pages go at the end only. */
  nextStep(pages: readonly PageContent[], isFinal: boolean): Step | null;
  sent(messageId: number, page: PageContent): void;
  edited(shown: ShownPage, page: PageContent): void;
  /** The chat has become another one: nothing of it is there. */
  forget(): void;
}

/** `messageIds` show this reply already, from an earlier attempt; what they show is not known. */
export function createShownPages(messageIds: readonly number[]): ShownPages {
  const shown: ShownPage[] = messageIds.map((messageId) => ({ messageId, key: null, gone: false }));
  return {
    messageIds: () => shown.map(({ messageId }) => messageId),
    isEmpty: () => shown.length === 0,
    nextStep(pages, isFinal) {
      for (const [index, page] of pages.entries()) {
        const at = shown[index];
        if (!at) return { kind: "send", page: { ...page, isFirst: index === 0 } };
        if (!at.gone && at.key !== keyOf(page)) return { kind: "edit", shown: at, page };
      }
      const surplus = isFinal ? shown.slice(pages.length).find(({ gone }) => !gone) : undefined;
      return surplus ? { kind: "remove", shown: surplus } : null;
    },
    sent: (messageId, page) => void shown.push({ messageId, key: keyOf(page), gone: false }),
    edited(at, page) {
      at.key = keyOf(page);
    },
    forget() {
      shown.length = 0;
    },
  };
}

function keyOf(page: PageContent): string {
  return JSON.stringify([page.text, page.entities, page.stopButton]);
}
