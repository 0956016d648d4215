/**
 * What people ask and what the model says to it: everything follows from the text of the question alone.
 *
 * So the auditor knows every final text to the letter, whoever answered and however often. Plain text without Markdown: pages
 * join to the whole but for white space where they were cut.
 */

/** A question and the way of its answer. */
export interface QuestionSpec {
  readonly id: number;
  /** Rounds of tool calls before the final round: 0, 1 or 2. */
  readonly rounds: number;
  readonly callsPerRound: number;
  /** Sentences of the final round; a page holds about 75. */
  readonly sentences: number;
  /** How long the final round streams. */
  readonly streamMs: number;
}

/** The words of the question. Whoever asks may write something before them, such as a mention. */
export function questionText({ id, rounds, callsPerRound, sentences, streamMs }: QuestionSpec): string {
  return `q${id}: ${rounds} rounds of ${callsPerRound} calls, then ${sentences} sentences in ${streamMs} ms`;
}

/** Undefined for a text that is no question of ours. */
export function parseQuestion(text: string): QuestionSpec | undefined {
  const found = /\bq(\d+): (\d+) rounds of (\d+) calls, then (\d+) sentences in (\d+) ms$/.exec(text);
  if (!found) return undefined;
  const [id = 0, rounds = 0, callsPerRound = 0, sentences = 0, streamMs = 0] = found.slice(1).map(Number);
  return { id, rounds, callsPerRound, sentences, streamMs };
}

/** The question that a text of the Assistant belongs to: each of its sentences names it. */
export function findQuestionId(text: string): number | undefined {
  const found = /\bq(\d+) (?:looks|says)\b/.exec(text);
  return found ? Number(found[1]) : undefined;
}

/** What the model says in a round (from 1): every second round of tools begins with a word about it, the last one answers. */
export function textOfRound(spec: QuestionSpec, round: number): string {
  if (round <= spec.rounds) return (spec.id + round) % 2 === 0 ? `q${spec.id} looks things up, round ${round}.` : "";
  return Array.from({ length: spec.sentences }, (_, index) => sentence(spec, index)).join("");
}

/** The whole answer as the Assistant's message holds it. */
export function wholeAnswer(spec: QuestionSpec): string {
  const rounds = Array.from({ length: spec.rounds + 1 }, (_, index) => textOfRound(spec, index + 1));
  return rounds.filter((text) => text !== "").join("\n\n");
}

/** Texts are compared without regard to the kind and number of blanks: pages are cut at them. */
export function withoutLayout(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

const SENTENCES_PER_PARAGRAPH = 12;

function sentence({ id, sentences }: QuestionSpec, index: number): string {
  const between = index === 0 ? "" : index % SENTENCES_PER_PARAGRAPH === 0 ? "\n\n" : " ";
  return `${between}q${id} says this is sentence ${index + 1} of ${sentences} about coffee.`;
}
