/**
 * What a person may read of a model's text: the text without the model's thinking and without tool calls that were written as
 * text. Code that speaks of such markup stays.
 *
 * Text comes in pieces that may end anywhere. Only what may be the beginning of markup waits for the next piece.
 */
import { END_OF_THINKING, MAX_MARKUP_LENGTH, type Markup, markupAt, mayBeMarkup } from "./markup.ts";

export interface VisibleText {
  /** Takes the next piece. @returns what may be shown now. */
  write(piece: string): string;
  /** The text has ended. @returns the rest that may be shown. */
  end(): string;
  /** All that may be shown. It lacks a part of what was returned when its end showed that the part was thinking. */
  whole(): string;
  /** Whether a tool call was written as text. */
  hasCall(): boolean;
  /** Whether thinking ended that had begun before the text: some chat templates begin it. */
  beganInThinking(): boolean;
}

interface State {
  /** What is not decided yet. */
  rest: string;
  /** What may be shown. */
  shown: string;
  /** The part of `shown` that was not returned yet. */
  fresh: string;
  /** Inside thinking: how that ends. */
  thinkingEnd: RegExp | null;
  /** Without an end of thinking the whole text is an answer. */
  isThinkingCertain: boolean;
  /** Thinking that had begun before the text, for the case that nothing follows it. */
  before: string | null;
  hasCall: boolean;
  /** Blank lines that follow markup at the beginning are left out. */
  isTrimming: boolean;
  /** The fence of the code block around, such as ``` or ~~~~; null outside of one. */
  fence: string | null;
  /** The backticks that began code within the line, or none. */
  ticks: string;
  /** The beginning of the line. */
  line: string;
  /** The backticks or tildes at the end of what was shown: more may follow. */
  run: string;
}

/** `beginsInThinking`: earlier texts of this server did. Nothing is shown then before the thinking's end, or the text's. */
export function createVisibleText({ beginsInThinking }: { beginsInThinking: boolean }): VisibleText {
  const state: State = {
    rest: "",
    shown: "",
    fresh: "",
    thinkingEnd: beginsInThinking ? END_OF_THINKING : null,
    isThinkingCertain: !beginsInThinking,
    before: null,
    hasCall: false,
    isTrimming: false,
    fence: null,
    ticks: "",
    line: "",
    run: "",
  };
  const advance = (isEnd: boolean) => {
    while (state.rest !== "" && step(state, isEnd));
    const { fresh } = state;
    state.fresh = "";
    return fresh;
  };
  return {
    write(piece) {
      state.rest += piece;
      return advance(false);
    },
    end() {
      const last = advance(true);
      // Not thinking, but an end of thinking after everything: better too much than nothing.
      if (state.shown.trim() === "") state.shown = state.before ?? state.shown;
      return last;
    },
    whole: () => state.shown,
    hasCall: () => state.hasCall,
    beganInThinking: () => state.before !== null,
  };
}

/** Takes a part of the rest. @returns false when nothing can be decided before the next piece. */
function step(state: State, isEnd: boolean): boolean {
  if (state.hasCall) return drop(state, state.rest.length);
  if (state.thinkingEnd) return skipThinking(state, state.thinkingEnd, isEnd);
  const special = state.rest.search(SPECIAL);
  const [first = ""] = state.rest;
  if (special === 0 && (first === "`" || first === "~")) return showRun(state, first);
  endRun(state);
  if (special !== 0) return show(state, special < 0 ? state.rest.length : special);
  return first === "\n" ? endLine(state) : stepMarkup(state, isEnd);
}

const SPECIAL = /[\n`~<[◁]/;

function skipThinking(state: State, end: RegExp, isEnd: boolean): boolean {
  const found = end.exec(state.rest);
  if (found) {
    state.thinkingEnd = null;
    if (!state.isThinkingCertain) state.before = state.rest.slice(0, found.index);
    state.isThinkingCertain = true;
    state.isTrimming = state.shown === "";
    drop(state, found.index + found[0].length);
    return true;
  }
  if (!state.isThinkingCertain) {
    if (isEnd) state.thinkingEnd = null;
    return isEnd;
  }
  // The end itself may be cut.
  return drop(state, isEnd ? state.rest.length : Math.max(0, state.rest.length - MAX_MARKUP_LENGTH));
}

function showRun(state: State, mark: string): boolean {
  if (state.run !== "" && state.run[0] !== mark) endRun(state);
  state.run += mark;
  return show(state, 1);
}

/** A run of backticks or tildes may begin or end code. */
function endRun(state: State): void {
  const { fence, run, ticks } = state;
  if (run === "") return;
  state.run = "";
  const before = state.line.slice(0, state.line.length - run.length);
  const isLineStart = state.line.length < LINE_START_LENGTH && /^[\s>*+-]*(?:\d{1,9}[.)]\s*)?$/.test(before);
  if (fence !== null) {
    if (isLineStart && run.startsWith(fence)) state.fence = null;
  } else if (isLineStart && run.length >= 3) {
    state.fence = run;
  } else if (run.startsWith("`")) {
    state.ticks = ticks === "" ? run : ticks === run ? "" : ticks;
  }
}

function stepMarkup(state: State, isEnd: boolean): boolean {
  const { rest } = state;
  if (state.fence !== null) return show(state, 1);
  if (!isEnd && mayBeMarkup(rest, 0)) return false;
  const found = markupAt(rest, 0);
  if (!found) return show(state, 1);
  if (state.ticks !== "") {
    // Code within a line ends in the same line.
    const end = endOfCode(rest, state.ticks);
    if (end !== null) return show(state, end);
    if (!isEnd && !rest.includes("\n")) return false;
    state.ticks = "";
  }
  apply(state, found.markup);
  state.isTrimming ||= state.shown === "";
  return drop(state, found.end);
}

/** Where the code ends that these backticks began; null when the line, or what is there of it, ends before. */
function endOfCode(rest: string, ticks: string): number | null {
  const [line = ""] = rest.split("\n", 1);
  const found = new RegExp(`(?<!\`)${ticks}(?!\`)`).exec(line);
  return found?.index ?? null;
}

function apply(state: State, markup: Markup): void {
  switch (markup.kind) {
    case "thinking":
      state.thinkingEnd = markup.end;
      return;
    case "thinking-end":
      state.before ??= state.shown;
      state.shown = "";
      return;
    case "call":
      state.hasCall = true;
      return;
    case "token":
      return;
  }
}

function endLine(state: State): boolean {
  show(state, 1);
  state.ticks = "";
  state.line = "";
  return true;
}

/** How much of a line is kept: enough for its list and quote marks. */
const LINE_START_LENGTH = 40;

function show(state: State, length: number): boolean {
  const piece = state.rest.slice(0, length);
  const text = state.isTrimming ? piece.trimStart() : piece;
  state.rest = state.rest.slice(length);
  if (text !== "") state.isTrimming = false;
  state.shown += text;
  state.fresh += text;
  if (state.line.length < LINE_START_LENGTH) state.line += piece;
  return true;
}

function drop(state: State, length: number): boolean {
  state.rest = state.rest.slice(length);
  return length > 0;
}
