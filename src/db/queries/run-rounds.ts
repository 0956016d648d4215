/** The finished model calls of a run, as they are noted: what was asked how, and what it took. */
import { type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import type { Db } from "../client.ts";
import { runRounds } from "../schema/index.ts";

export interface RoundUsage {
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
}

/** How a round was asked, and what it took. */
export interface RoundFacts {
  model: string;
  /** Names the words of the prompt and of the tools. */
  promptVersion: string;
  /** What the model was asked with beside its input. */
  settings: object;
  /** Null from a server that does not count. */
  usage: RoundUsage | null;
  startedAt: Date;
  /** Null where it said nothing but its calls. */
  firstTokenAt: Date | null;
  completedAt: Date;
}

/** Notes a round. One that was cut short and is asked again keeps its last facts, and the tokens of all its calls. */
export async function insertRound(
  tx: Db,
  key: { runId: string; round: number },
  { usage, model, promptVersion, settings, startedAt, firstTokenAt, completedAt }: RoundFacts,
): Promise<void> {
  const facts = { model, promptVersion, settings, startedAt, firstTokenAt, completedAt };
  await tx
    .insert(runRounds)
    .values({ ...key, ...facts, ...usage })
    .onConflictDoUpdate({
      target: [runRounds.runId, runRounds.round],
      set: {
        ...facts,
        inputTokens: sumOf(runRounds.inputTokens),
        cachedInputTokens: sumOf(runRounds.cachedInputTokens),
        outputTokens: sumOf(runRounds.outputTokens),
        reasoningTokens: sumOf(runRounds.reasoningTokens),
      },
    });
}

/** What stands there and what comes; null only where neither was counted. */
function sumOf(column: AnyPgColumn): SQL<number | null> {
  const coming = sql`excluded.${sql.identifier(column.name)}`;
  return sql`coalesce(${column} + ${coming}, ${column}, ${coming})`;
}
