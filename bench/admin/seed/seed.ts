/**
 * Seeds an empty, migrated database with conversations. The statements are in `statements.ts`; this file runs them in order.
 *
 * Indexes are created after the rows, which is many times faster. Foreign keys are not checked, because all rows come from one
 * table. After an interrupted seeding the database does not count as seeded.
 */
import type { Sql } from "postgres";
import type { Size } from "../sizes.ts";
import { ADD_WORDS, DRAW_CHUNK, draw, PREPARE, PREPARE_CHUNK, STORE_CHUNK } from "./statements.ts";
import { vocabularyOf } from "./vocabulary.ts";

const CHUNK_RUNS = 20_000;

/** Settings of the seeding session. */
const SETTINGS = [
  "set synchronous_commit = off",
  "set maintenance_work_mem = '512MB'",
  "set work_mem = '256MB'",
  "set session_replication_role = replica",
  // Compilation would only delay these statements.
  "set jit = off",
];

/** `session` must have no statement timeout. `log` is called with the progress. */
export async function seedDatabase(session: Sql, size: Size, log: (line: string) => void): Promise<void> {
  const run = async (statements: readonly string[], parameters: (string | number | string[])[] = []) => {
    for (const statement of statements) await session.unsafe(statement, takesParameters(statement) ? parameters : []);
  };
  await run([...SETTINGS, ...PREPARE]);
  for (const language of ["en", "vi"] as const) {
    await session.unsafe(ADD_WORDS, [language, vocabularyOf(language)]);
  }
  log("generating threads");
  const indexes = await dropIndexes(session);
  await run([...draw(size), PREPARE_CHUNK]);
  for (let first = 1; first <= size.runs; first += CHUNK_RUNS) {
    await run([...DRAW_CHUNK, ...STORE_CHUNK], [first, first + CHUNK_RUNS - 1]);
    log(`${Math.min(first + CHUNK_RUNS - 1, size.runs)} of ${size.runs} runs stored`);
  }
  for (const [name, definition] of indexes) {
    log(`index ${name}`);
    await session.unsafe(definition);
  }
  await run(["drop schema bench cascade"]);
  log("vacuum analyze");
  await session.unsafe("vacuum analyze");
  await checkCounts(session, size);
}

/** Drops the indexes that do not belong to a constraint. @returns their definitions. */
async function dropIndexes(session: Sql): Promise<[name: string, definition: string][]> {
  const rows = await session<{ name: string; definition: string }[]>`
    select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
    from pg_index join pg_class on pg_class.oid = indrelid
    where relnamespace = 'public'::regnamespace and relname in ('messages', 'runs', 'replies', 'tool_calls', 'threads')
      and not exists (select from pg_constraint where conindid = indexrelid)`;
  for (const { name } of rows) await session.unsafe(`drop index ${name}`);
  return rows.map(({ name, definition }) => [name, definition]);
}

async function checkCounts(session: Sql, size: Size): Promise<void> {
  const [counts] = await session`
    select (select count(*)::integer from threads) as threads, (select count(*)::integer from messages) as messages,
      (select count(*)::integer from runs) as runs, (select count(*)::integer from tool_calls) as "toolCalls"`;
  const wrong = Object.entries(size).filter(([table, count]) => counts?.[table] !== count);
  if (wrong.length > 0) throw new Error(`seeded ${JSON.stringify(counts)} instead of ${JSON.stringify(size)}`);
}

function takesParameters(statement: string): boolean {
  return statement.includes("$1");
}
