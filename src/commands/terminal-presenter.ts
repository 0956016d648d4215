/** Shows a run in the terminal: the answer on standard output, everything else on standard error. */
import type { RunPresenter } from "../assistant/worker/work-on-run.ts";
import type { RunEvent, RunOutcome } from "../events.ts";
import { plainText } from "./plain-text.ts";

export interface TerminalPresenter extends RunPresenter {
  /** How the run ended; undefined before its end, and when it was interrupted. */
  outcome(): RunOutcome | undefined;
}

/** `onInterrupt` is called when the answer is interrupted, before the message about it. Nothing more is shown then. */
export function createTerminalPresenter(stopping: AbortSignal, onInterrupt: () => void): TerminalPresenter {
  const screen = createScreen();
  let isOver = false;
  let outcome: RunOutcome | undefined;
  const interrupt = () => {
    if (isOver) return;
    isOver = true;
    onInterrupt();
    screen.remark("The answer was interrupted.");
  };
  const emit = (event: RunEvent) => {
    if (isOver) return;
    show(screen, event);
    if (event.type !== "run-end") return;
    isOver = true;
    outcome = event.outcome;
  };
  return {
    outcome: () => outcome,
    finalText: (_run, _outcome, text) => text,
    open() {
      stopping.addEventListener("abort", interrupt);
      return { emit, abandon: async () => interrupt() };
    },
  };
}

/** Writes a line to standard error: standard output is only the answer. */
export function remark(text: string): void {
  process.stderr.write(`${plainText(text)}\n`);
}

type Screen = ReturnType<typeof createScreen>;

/** Both streams as a person sees them in one terminal: a remark begins on a new line. */
function createScreen() {
  let isAtLineStart = true;
  const write = (text: string) => {
    process.stdout.write(text);
    isAtLineStart = text.endsWith("\n");
  };
  const startLine = () => {
    if (!isAtLineStart) write("\n");
  };
  return {
    /** When each tool call began. */
    toolStarts: new Map<string, number>(),
    write,
    startLine,
    remark(text: string) {
      startLine();
      remark(text);
    },
  };
}

function show(screen: Screen, event: RunEvent): void {
  if (event.type === "text-delta") screen.write(plainText(event.delta));
  else if (event.type === "tool-start") {
    screen.toolStarts.set(event.toolCallId, performance.now());
    screen.remark(`-> ${event.name} ${JSON.stringify(event.arguments)}`);
  } else if (event.type === "tool-end") {
    const tookMs = Math.round(performance.now() - (screen.toolStarts.get(event.toolCallId) ?? 0));
    screen.remark(`<- ${event.name} ${event.succeeded ? "done" : "failed"} in ${tookMs} ms`);
  } else if (event.type === "run-end") showEnd(screen, event.outcome);
}

function showEnd(screen: Screen, { status, errorMessage }: RunOutcome): void {
  screen.startLine();
  if (status !== "completed") screen.remark(errorMessage ?? `The run was ${status}.`);
}
