/**
 * What a reply shows: the text so far, a status line while tools run, and the final text at the end.
 *
 * Events in, pages out. It knows neither what the chat already shows nor how pages are sent.
 */
import type { RunEvent, RunOutcome } from "../../events.ts";
import type { View } from "./pages/page-diff.ts";
import { createGrowingPages, type GrowingPages } from "./pages/pages.ts";

export interface ReplyText {
  handle(event: RunEvent): void;
  /** Names a slow tool in the status line from now on. @returns false if it has already ended. */
  nameTool(toolCallId: string): boolean;
  /** Telegram refuses our entities: plain text from now on. */
  dropFormatting(): void;
  /** Whether formatting was dropped. */
  isPlain(): boolean;
  isFinal(): boolean;
  /** Whether it is shorter than what an earlier attempt showed: then it must not be shown yet. */
  isHeldBack(): boolean;
  /** Changes whenever the view may have changed. Cheap: it renders nothing. */
  version(): number;
  view(): View;
}

export interface ReplyTextOptions {
  /** The status line while the tools with these names run. */
  statusLine(toolNames: string[]): string;
  /** Characters that an earlier attempt may have shown; a takeover shows no fewer before the end. */
  shownLength: number;
  /** Whether a run with this outcome gets a retry button. */
  isWorthRetrying(outcome: RunOutcome): boolean;
}

interface State extends ReplyTextOptions {
  /** Running tools by tool call id, and whether the status line names them. */
  runningTools: Map<string, { name: string; isNamed: boolean }>;
  text: string;
  growing: GrowingPages;
  isFinal: boolean;
  isPlain: boolean;
  canRetry: boolean;
  version: number;
}

export function createReplyText(options: ReplyTextOptions): ReplyText {
  const state: State = {
    ...options,
    runningTools: new Map(),
    text: "",
    growing: createGrowingPages(),
    isFinal: false,
    isPlain: false,
    canRetry: false,
    version: 0,
  };
  return {
    handle: (event) => handle(state, event),
    nameTool: (toolCallId) => nameTool(state, toolCallId),
    dropFormatting() {
      state.isPlain = true;
      state.version += 1;
    },
    isPlain: () => state.isPlain,
    isFinal: () => state.isFinal,
    isHeldBack: () => !state.isFinal && state.text.length < state.shownLength,
    version: () => state.version,
    view: () => view(state),
  };
}

function handle(state: State, event: RunEvent): void {
  switch (event.type) {
    case "tool-start":
      state.runningTools.set(event.toolCallId, { name: event.name, isNamed: false });
      break;
    case "tool-end":
      if (state.runningTools.get(event.toolCallId)?.isNamed) state.version += 1;
      state.runningTools.delete(event.toolCallId);
      break;
    case "text-delta":
      append(state, event.delta);
      state.version += 1;
      break;
    case "run-end":
      state.canRetry = state.isWorthRetrying(event.outcome);
      end(state, event.finalText);
      state.version += 1;
      break;
  }
}

function nameTool(state: State, toolCallId: string): boolean {
  const tool = state.runningTools.get(toolCallId);
  if (!tool) return false;
  tool.isNamed = true;
  state.version += 1;
  return true;
}

function append(state: State, delta: string): void {
  state.text += delta;
  state.growing.append(delta);
}

function end(state: State, finalText: string): void {
  state.isFinal = true;
  state.runningTools.clear();
  // Almost always the text so far, perhaps with a note: then nothing is read twice.
  if (finalText.startsWith(state.text)) {
    append(state, finalText.slice(state.text.length));
  } else {
    state.growing = createGrowingPages();
    state.growing.append(finalText);
  }
}

function view(state: State): View {
  const { canRetry, growing, isFinal, isPlain } = state;
  const pages = growing.pages({ final: isFinal, status: status(state) });
  return {
    pages: isPlain ? pages.map(({ text }) => ({ text, entities: [] })) : pages,
    isFinal,
    button: isFinal ? (canRetry ? "retry" : null) : "stop",
  };
}

function status({ runningTools, statusLine }: State): string {
  const named = [...runningTools.values()].filter(({ isNamed }) => isNamed);
  const names = new Set(named.map(({ name }) => name));
  return names.size === 0 ? "" : statusLine([...names]);
}
