/** The finished model calls of a run, as they are noted: what was asked how, and what it took. */
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

/** What a column for tokens holds. More is as unknown as what was not counted. */
const MAX_TOKENS = 2_147_483_647;

/**
 * Notes a round. One that was cut short and is asked again keeps its last facts, and the tokens of all its calls: null where one
 * of them was not counted.
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

/** The tokens of a run as its columns: those of all its rounds; all null while one of them is not known, or one sum too large. */
export function tokensOfRounds(runId: string) {
  const { inputTokens, cachedInputTokens, outputTokens, reasoningTokens } = runRounds;
  // Those from the cache are some of the input, and reasoning is some of the output.
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

/** What stands there and what comes; null where one of them was not counted, or one sum is too large. */
function sumOf(column: AnyPgColumn): SQL<number | null> {
  const both = (each: AnyPgColumn) => sql`(${each}::bigint + excluded.${sql.identifier(each.name)})`;
  const isKnown = fits(both(runRounds.inputTokens), both(runRounds.outputTokens));
  return sql`case when ${isKnown} then ${both(column)}::integer end`;
}

function fits(input: SQL, output: SQL): SQL {
  return sql`greatest(${input}, ${output}) <= ${MAX_TOKENS}`;
}
