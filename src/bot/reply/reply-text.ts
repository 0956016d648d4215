/**
 * What a reply has to show right now: the text so far, a status line while tools run, at the end the final text.
 *
 * Events in, pages out. It knows nothing of what is shown already, nor of sending.
 */
import type { RunEvent } from "../../events.ts";
import type { FormattedText } from "./formatted-text.ts";
import { paginate } from "./pages.ts";

export interface PageContent extends FormattedText {
  /** Whether the stop button shows beneath it: every edit says so anew. */
  stopButton: boolean;
}

export interface ReplyText {
  /** Takes an event in; whether it changes what is to be shown. */
  take(event: RunEvent): boolean;
  /** A tool has run for so long that it is named from now on. */
  nameTool(toolCallId: string): void;
  /** Telegram refuses our entities: from now on the words alone. */
  dropFormatting(): void;
  /** Whether formatting was dropped. */
  isPlain(): boolean;
  isFinal(): boolean;
  isEmpty(): boolean;
  pages(): PageContent[];
}

/** `statusLine` words the status while the tools of these names run. */
export function createReplyText(statusLine: (toolNames: string[]) => string): ReplyText {
  /** Tools that run, and whether they have for long enough to be named. */
  const running = new Map<string, { name: string; isNamed: boolean }>();
  let text = "";
  let finalText: string | null = null;
  let isPlain = false;

  const withStatus = (): string => {
    const names = new Set([...running.values()].filter(({ isNamed }) => isNamed).map(({ name }) => name));
    if (names.size === 0) return text;
    const status = `_${statusLine([...names])}_`;
    return text === "" ? status : `${text}\n\n${status}`;
  };

  return {
    take(event) {
      if (event.type === "text-delta") text += event.delta;
      else if (event.type === "tool-start") running.set(event.toolCallId, { name: event.name, isNamed: false });
      else if (event.type === "tool-end") running.delete(event.toolCallId);
      else if (event.type === "run-end") finalText = event.finalText;
      else return false;
      return true;
    },
    nameTool(toolCallId) {
      const tool = running.get(toolCallId);
      if (tool) tool.isNamed = true;
    },
    dropFormatting() {
      isPlain = true;
    },
    isPlain: () => isPlain,
    isFinal: () => finalText !== null,
    isEmpty: () => text === "" && finalText === null,
    pages() {
      const final = finalText !== null;
      const pages = paginate(finalText ?? withStatus(), { final });
      return pages.map((page, index) => ({
        ...(isPlain ? { text: page.text, entities: [] } : page),
        stopButton: !final && index === pages.length - 1,
      }));
    },
  };
}
