/** Case "private": one reply in a private chat. Also the token-by-token series that the picture is made of. */
import { stalenessOf } from "../staleness.ts";
import { type CaseContext, figuresOf, type ReplyFigures, usualTurn } from "./case.ts";

export interface PrivateResult extends ReplyFigures {
  /** Each fourth token: when it was handed over, from the first one, and its staleness, both in milliseconds. */
  series: [atMs: number, stalenessMs: number | null][];
}

const KEPT_EACH = 4;
const LIMIT_MS = 60_000;

export async function privateCase({ scene, seed }: CaseContext): Promise<PrivateResult> {
  const question = scene.ask(scene.privateChat(), [usualTurn(`${seed} private`)]);
  await scene.waitUntilComplete(question, LIMIT_MS);
  const [origin = 0] = question.tokenAt;
  const series = stalenessOf(question).map((staleness, index): [number, number | null] => [
    Math.round((question.tokenAt[index] ?? 0) - origin),
    staleness === null ? null : Math.round(staleness),
  ]);
  return { ...figuresOf(question), series: series.filter((_, index) => index % KEPT_EACH === 0) };
}
