/**
 * The questions and the model's answers. An answer depends only on the text of its question.
 *
 * So the auditor knows every final text exactly, whichever process answered. The texts have no Markdown: the pages of a reply
 * join to the answer, except for white space at the page breaks.
 */

/** A question, and how it is answered. */
export interface QuestionSpec {
  readonly id: number;
  /** Number of rounds with tool calls before the final round: 0, 1 or 2. */
  readonly rounds: number;
  readonly callsPerRound: number;
  /** Sentences of the final round. A page holds about 75. */
  readonly sentences: number;
  /** Duration of the final round's stream, in milliseconds. */
  readonly streamMs: number;
}

/** The text of the question. A prefix such as a mention may come before it. */
export function questionText({ id, rounds, callsPerRound, sentences, streamMs }: QuestionSpec): string {
  return `q${id}: ${rounds} rounds of ${callsPerRound} calls, then ${sentences} sentences in ${streamMs} ms`;
}

/** Undefined for any other text. */
export function parseQuestion(text: string): QuestionSpec | undefined {
  const found = /\bq(\d+): (\d+) rounds of (\d+) calls, then (\d+) sentences in (\d+) ms$/.exec(text);
  if (!found) return undefined;
  const [id = 0, rounds = 0, callsPerRound = 0, sentences = 0, streamMs = 0] = found.slice(1).map(Number);
  return { id, rounds, callsPerRound, sentences, streamMs };
}

/** The question to which a text of the Assistant belongs. Every sentence names its question. */
export function findQuestionId(text: string): number | undefined {
  const found = /\bq(\d+) (?:looks|says)\b/.exec(text);
  return found ? Number(found[1]) : undefined;
}

/** The model's text in a round (from 1). Every second round with tool calls has a short text; the last round answers. */
export function textOfRound(spec: QuestionSpec, round: number): string {
  if (round <= spec.rounds) return (spec.id + round) % 2 === 0 ? `q${spec.id} looks things up, round ${round}.` : "";
  return Array.from({ length: spec.sentences }, (_, index) => sentence(spec, index)).join("");
}

/** The complete answer, as in the Assistant's message. */
export function completeAnswer(spec: QuestionSpec): string {
  const rounds = Array.from({ length: spec.rounds + 1 }, (_, index) => textOfRound(spec, index + 1));
  return rounds.filter((text) => text !== "").join("\n\n");
}

/** Normalises white space for comparisons: page breaks are at white space. */
export function normalizeSpace(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

const SENTENCES_PER_PARAGRAPH = 12;

function sentence({ id, sentences }: QuestionSpec, index: number): string {
  const separator = index === 0 ? "" : index % SENTENCES_PER_PARAGRAPH === 0 ? "\n\n" : " ";
  return `${separator}q${id} says this is sentence ${index + 1} of ${sentences} about coffee.`;
}
