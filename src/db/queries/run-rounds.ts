/** The finished model calls of a run, as they are noted: what was asked how, and what it took. */
import { eq, type SQL, sql } from "drizzle-orm";
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

/** What a column for tokens holds. More is as unknown as what was not counted. */
const MAX_TOKENS = 2_147_483_647;

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

/** The tokens of a run as its columns: those of all its rounds, or null while one of them is not known. */
export function tokensOfRounds(runId: string) {
  const sum = (column: AnyPgColumn) => {
    const ofAll = sql`case when count(*) = count(${column}) then sum(${column}) end`;
    return sql<number | null>`(select ${withinColumn(ofAll)} from ${runRounds} where ${eq(runRounds.runId, runId)})`;
  };
  return {
    inputTokens: sum(runRounds.inputTokens),
    cachedInputTokens: sum(runRounds.cachedInputTokens),
    outputTokens: sum(runRounds.outputTokens),
    reasoningTokens: sum(runRounds.reasoningTokens),
  };
}

/** What stands there and what comes; null where one of them was not counted. */
function sumOf(column: AnyPgColumn): SQL<number | null> {
  return withinColumn(sql`${column}::bigint + excluded.${sql.identifier(column.name)}`);
}

function withinColumn(tokens: SQL): SQL<number | null> {
  return sql`case when ${tokens} <= ${MAX_TOKENS} then (${tokens})::integer end`;
}
