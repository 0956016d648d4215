/** Case "private": one reply in a private chat. Also provides the series for the chart. */
import { stalenessOf } from "../staleness.ts";
import { type CaseContext, figuresOf, type ReplyFigures, usualTurn } from "./case.ts";

export interface PrivateResult extends ReplyFigures {
  /** Every fourth token: its time since the first token, and its staleness, both in milliseconds. */
  series: [atMs: number, stalenessMs: number | null][];
}

const SERIES_STEP = 4;
const LIMIT_MS = 60_000;

export async function privateCase({ environment, seed }: CaseContext): Promise<PrivateResult> {
  const question = environment.ask(environment.privateChat(), [usualTurn(`${seed} private`)]);
  await environment.waitUntilComplete(question, LIMIT_MS);
  const [origin = 0] = question.tokenAt;
  const series = stalenessOf(question).map((staleness, index): [number, number | null] => [
    Math.round((question.tokenAt[index] ?? 0) - origin),
    staleness === null ? null : Math.round(staleness),
  ]);
  return { ...figuresOf(question), series: series.filter((_, index) => index % SERIES_STEP === 0) };
}
