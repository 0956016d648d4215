/** The finished model calls of a run: what each was made with, its tokens and times. */
import { eq, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import type { Db } from "../../client.ts";
import { runRounds } from "../../schema/index.ts";

export interface RoundUsage {
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
}

/** What a round was made with, its tokens and times. */
export interface RoundFacts {
  model: string;
  /** The version of the prompt and of the tools' descriptions. */
  promptVersion: string;
  /** The parameters of the call besides its input. */
  settings: object;
  /** Null when the server does not count tokens. */
  usage: RoundUsage | null;
  startedAt: Date;
  /** Null when the model only made tool calls. */
  firstTokenAt: Date | null;
  completedAt: Date;
}

/** The largest number that a column for tokens holds. A larger one is stored as unknown. */
const MAX_TOKENS = 2_147_483_647;

/**
 * Stores a round. A round that was cut short and is asked again gets the facts of its last call, and the tokens of all its
 * calls: null when one of them was not counted.
 */
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

/** The tokens of a run as its columns: the sums over its rounds. All are null when one is unknown, or a sum is too large. */
export function tokensOfRounds(runId: string) {
  const { inputTokens, cachedInputTokens, outputTokens, reasoningTokens } = runRounds;
  // Cached tokens are part of the input, and reasoning is part of the output: their sums are smaller.
  const isKnown = sql`count(*) = count(${inputTokens}) and ${fits(sql`sum(${inputTokens})`, sql`sum(${outputTokens})`)}`;
  const sum = (column: AnyPgColumn) =>
    sql<number | null>`(select case when ${isKnown} then sum(${column})::integer end
      from ${runRounds} where ${eq(runRounds.runId, runId)})`;
  return {
    inputTokens: sum(inputTokens),
    cachedInputTokens: sum(cachedInputTokens),
    outputTokens: sum(outputTokens),
    reasoningTokens: sum(reasoningTokens),
  };
}

/** The stored number plus the new one; null when one of them was not counted, or a sum is too large. */
function sumOf(column: AnyPgColumn): SQL<number | null> {
  const both = (each: AnyPgColumn) => sql`(${each}::bigint + excluded.${sql.identifier(each.name)})`;
  const isKnown = fits(both(runRounds.inputTokens), both(runRounds.outputTokens));
  return sql`case when ${isKnown} then ${both(column)}::integer end`;
}

function fits(input: SQL, output: SQL): SQL {
  return sql`greatest(${input}, ${output}) <= ${MAX_TOKENS}`;
}
