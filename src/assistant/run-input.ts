/**
 * The input of a run's model calls: the thread's history, the question, and what the rounds of the run add.
 *
 * The history has as many runs as the model's window holds, as far as that is known. A model that finds the input too long all
 * the same is asked again with less: first with the newest runs only, then with the question alone.
 */
import type { Db } from "../db/client.ts";
import type { ClaimedRun } from "../db/queries/runs/run-queue.ts";
import type { InputCut } from "../db/queries/runs/run-steps.ts";
import { readHistory } from "./history.ts";
import {
  CHARACTERS_PER_TOKEN,
  MAX_CHARACTERS_PER_TOKEN,
  MAX_HISTORY_CHARACTERS,
  MIN_MEASURED_CHARACTERS,
} from "./limits.ts";
import { ModelError } from "./model/errors/error.ts";

export interface RunInput {
  /** What was left out so far. */
  cut(): InputCut;
  /** Adds what a round said, called and got. */
  add(...items: object[]): void;
  /** Takes the input tokens that the server counted. @returns whether it read only a part of the input. */
  noticeUsage(inputTokens: number): boolean;
  /**
   * Makes a model call, again with less history when its input is too long.
   *
   * `onShortened` is called before each further call. @throws what `call` throws when nothing is left to leave out.
   */
  ask<Answer>(
    call: (items: object[]) => Promise<Answer>,
    onShortened: (error: ModelError) => Promise<void>,
  ): Promise<Answer>;
}

export interface InputBudget {
  /** Characters that each call has besides the history: instructions and tools. */
  fixedCharacters: number;
  /** Tokens of history at most, as it is configured; null when it is not. */
  contextTokens: number | null;
  /** Tokens of the model's window; null when the server does not tell. */
  windowTokens(): Promise<number | null>;
}

/** Reads the history and the question of a run. */
export async function openRunInput(db: Db, run: ClaimedRun, budget: InputBudget): Promise<RunInput> {
  let history = await readHistory(db, run, () => historyCharacters(budget));
  let cut: InputCut = history.isCut ? "older_runs" : "none";
  let shortenings = 0;
  const added: object[] = [];
  /** @returns false when the question is alone already. */
  const shorten = async (error: ModelError): Promise<boolean> => {
    if (history.messages.length === 1) return false;
    shortenings += 1;
    const besides = budget.fixedCharacters + charactersIn([...history.messages.slice(-1), ...added]);
    const characters =
      shortenings > 1 ? 0 : fewerCharacters(charactersIn(history.messages.slice(0, -1)), besides, error);
    history = await readHistory(db, run, () => characters);
    cut = history.messages.length === 1 ? "question_only" : "older_runs";
    return true;
  };
  return {
    cut: () => cut,
    add: (...items) => void added.push(...items),
    noticeUsage(tokens) {
      const characters = budget.fixedCharacters + charactersIn([...history.messages, ...added]);
      const isCut = characters >= MIN_MEASURED_CHARACTERS && tokens * MAX_CHARACTERS_PER_TOKEN < characters;
      if (isCut && shortenings === 0) cut = "by_server";
      return isCut;
    },
    async ask(call, onShortened) {
      for (;;) {
        try {
          return await call([...history.messages, ...added]);
        } catch (error) {
          if (!(error instanceof ModelError) || error.code !== "MODEL_INPUT_TOO_LONG") throw error;
          if (!(await shorten(error))) throw error;
          await onShortened(error);
        }
      }
    },
  };
}

/** Characters of history that fit into the model's window, as far as that is known. */
async function historyCharacters({ contextTokens, fixedCharacters, windowTokens }: InputBudget): Promise<number> {
  const window = await windowTokens();
  // A quarter of the window is the answer's (`settingsOf`).
  const left = window === null ? null : window * 0.75 - fixedCharacters / CHARACTERS_PER_TOKEN;
  const tokens = [contextTokens, left].filter((each) => each !== null);
  if (tokens.length === 0) return MAX_HISTORY_CHARACTERS;
  return Math.max(0, Math.floor(Math.min(...tokens) * CHARACTERS_PER_TOKEN));
}

/** Of this many characters of history those that fit: by the numbers of the error, else half of them. */
function fewerCharacters(characters: number, besides: number, { context }: ModelError): number {
  const { limit, asked } = context ?? { limit: null, asked: null };
  if (limit === null || asked === null || asked <= limit) return characters / 2;
  // A quarter of the window is the answer's.
  return Math.min(characters / 2, 0.75 * (limit / asked) * (characters + besides) - besides);
}

/** The characters that the model reads. Reasoning, which only the provider can read, is not among them. */
function charactersIn(items: readonly object[]): number {
  return items.reduce((sum, item) => {
    const { content, arguments: written, output } = item as Record<string, unknown>;
    const texts = [content, written, output].filter((each) => each !== undefined);
    const length = (text: unknown) => (typeof text === "string" ? text.length : JSON.stringify(text).length);
    return (
      sum +
      ("type" in item && item.type === "reasoning" ? 0 : texts.reduce<number>((all, text) => all + length(text), 0))
    );
  }, 0);
}
