/**
 * What a reply has to show right now: the text so far, a status line while tools run, at the end the final text.
 *
 * Events in, pages out. It knows nothing of what is shown already, nor of sending.
 */
import type { RunEvent, RunOutcome } from "../../events.ts";
import type { View } from "./pages/page-diff.ts";
import { createGrowingPages } from "./pages/pages.ts";

export interface ReplyText {
  /** Takes an event in. */
  take(event: RunEvent): void;
  /** A tool has run for so long that it is named from now on. @returns false when it has ended meanwhile. */
  nameTool(toolCallId: string): boolean;
  /** Telegram refuses our entities: from now on the words alone. */
  dropFormatting(): void;
  /** Whether formatting was dropped. */
  isPlain(): boolean;
  isFinal(): boolean;
  /** Whether it is shorter than what an earlier attempt has shown already: then it is not shown yet. */
  isHeldBack(): boolean;
  /** Another number whenever there may be something else to show: told without rendering. */
  version(): number;
  view(): View;
}

export interface ReplyTextOptions {
  /** Words the status while the tools of these names run. */
  statusLine(toolNames: string[]): string;
  /** Characters that an earlier attempt may have shown; a takeover takes none of them back before the end. */
  shownLength: number;
  /** Whether a run that ended so may be asked again by a button. */
  isWorthRetrying(outcome: RunOutcome): boolean;
}

export function createReplyText({ statusLine, shownLength, isWorthRetrying }: ReplyTextOptions): ReplyText {
  /** Tools that run, and whether they have for long enough to be named. */
  const running = new Map<string, { name: string; isNamed: boolean }>();
  let text = "";
  let growing = createGrowingPages();
  let isFinal = false;
  let isPlain = false;
  let canRetry = false;
  let version = 0;

  const status = (): string => {
    const names = new Set([...running.values()].filter(({ isNamed }) => isNamed).map(({ name }) => name));
    return names.size === 0 ? "" : statusLine([...names]);
  };
  const append = (delta: string) => {
    text += delta;
    growing.append(delta);
  };
  const end = (finalText: string) => {
    isFinal = true;
    running.clear();
    // Nearly always the text so far and perhaps a note: what is read already is not read again.
    if (finalText.startsWith(text)) return append(finalText.slice(text.length));
    growing = createGrowingPages();
    growing.append(finalText);
  };
  const endTool = (toolCallId: string) => {
    if (running.get(toolCallId)?.isNamed) version += 1;
    running.delete(toolCallId);
  };

  return {
    take(event) {
      if (event.type === "tool-start") running.set(event.toolCallId, { name: event.name, isNamed: false });
      if (event.type === "tool-end") endTool(event.toolCallId);
      if (event.type === "text-delta") append(event.delta);
      if (event.type === "run-end") {
        canRetry = isWorthRetrying(event.outcome);
        end(event.finalText);
      }
      if (event.type === "text-delta" || event.type === "run-end") version += 1;
    },
    nameTool(toolCallId) {
      const tool = running.get(toolCallId);
      if (!tool) return false;
      tool.isNamed = true;
      version += 1;
      return true;
    },
    dropFormatting() {
      isPlain = true;
      version += 1;
    },
    isPlain: () => isPlain,
    isFinal: () => isFinal,
    isHeldBack: () => !isFinal && text.length < shownLength,
    version: () => version,
    view() {
      const pages = growing.pages({ final: isFinal, status: status() });
      return {
        pages: isPlain ? pages.map((page) => ({ text: page.text, entities: [] })) : pages,
        isFinal,
        button: isFinal ? (canRetry ? "retry" : null) : "stop",
      };
    },
  };
}
