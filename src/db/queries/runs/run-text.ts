/**
 * The text so far of running runs: the text that admins see grow. A run's end stores the whole text as a message, and deletes
 * this.
 */
import { and, eq, gte, type SQL, sql } from "drizzle-orm";
import { RUNNING_STATUSES } from "../../../run-states.ts";
import type { Db } from "../../client.ts";
import { publish } from "../../notify/notify.ts";
import { hasStatus, runs, runText } from "../../schema/index.ts";
import { type RunClaim, updateClaimed } from "./run-claim.ts";

/** The next piece of a run's text. */
export interface TextPiece {
  claim: RunClaim;
  /** Its place in the whole text, in UTF-16 units. */
  offset: number;
  text: string;
  /** How long ago the first token came, in milliseconds. The database computes the time, by its own clock. */
  firstTokenAgeMs: number;
}

/** So many pieces are within the 7,999 bytes of a notification. */
const PIECES_PER_NOTIFICATION = 50;

/** Pieces that were not stored. */
export interface UnstoredPieces {
  /** Another worker has their run, or it has ended. */
  refused: TextPiece[];
  /** Another transaction has locked their run. To be tried again, together with the next text. */
  busy: TextPiece[];
}

/**
 * Appends pieces of many runs, one piece of each run, in one statement and with few notifications. It waits for no lock, so it can
 * never be part of a deadlock.
 */
export async function appendRunTexts(db: Db, pieces: readonly TextPiece[]): Promise<UnstoredPieces> {
  const rows = pieces.map(({ claim, ...piece }) => ({ ...claim, ...piece }));
  const found = await db.execute<{ id: string; isStored: boolean }>(sql`
    with piece as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as piece (
        "id" uuid, "workerId" integer, "attempt" integer, "offset" integer, "text" text, "firstTokenAgeMs" float8
      )
    ), own as (
      select ${runs.id} from ${runs} join piece on ${runs.id} = piece."id"
        and ${runs.workerId} = piece."workerId" and ${runs.attempt} = piece."attempt"
      where ${hasStatus(runs.status, RUNNING_STATUSES)}
    ), held as (
      select ${runs.id} from ${runs} join piece on ${runs.id} = piece."id"
        and ${runs.workerId} = piece."workerId" and ${runs.attempt} = piece."attempt"
      where ${hasStatus(runs.status, RUNNING_STATUSES)}
      for no key update of ${runs} skip locked
    ), begun as (
      update ${runs} set first_token_at = ${instantAgo(sql`piece."firstTokenAgeMs"`)} from held join piece using ("id")
      where ${runs.id} = held."id" and ${runs.firstTokenAt} is null
    ), appended as (
      insert into ${runText} (run_id, "offset", "text")
      select "id", piece."offset", piece."text" from held join piece using ("id")
    )
    select own."id", held."id" is not null as "isStored" from own left join held using ("id")`);
  const isStored = new Map(found.map((run) => [run.id, run.isStored]));
  await publishPieces(
    db,
    pieces.filter(({ claim }) => isStored.get(claim.id)),
  );
  return {
    refused: pieces.filter(({ claim }) => !isStored.has(claim.id)),
    busy: pieces.filter(({ claim }) => isStored.get(claim.id) === false),
  };
}

/** SQL: the instant so many milliseconds ago, by the database's clock. */
export function instantAgo(ageMs: SQL): SQL {
  return sql`clock_timestamp() - make_interval(secs => ${ageMs} / 1000)`;
}

async function publishPieces(db: Db, pieces: readonly TextPiece[]): Promise<void> {
  for (let first = 0; first < pieces.length; first += PIECES_PER_NOTIFICATION) {
    const part = pieces.slice(first, first + PIECES_PER_NOTIFICATION);
    const places = part.map(({ claim, offset }) => ({ threadId: claim.threadId, runId: claim.id, offset }));
    await publish(db, { type: "text", pieces: places });
  }
}

/** Deletes the text so far from `offset` on: after a takeover the model is called again for the unfinished round. */
export async function truncateRunText(db: Db, claim: RunClaim, offset: number): Promise<void> {
  await db.transaction(async (tx) => {
    await updateClaimed(tx, claim, {});
    await tx.delete(runText).where(and(eq(runText.runId, claim.id), gte(runText.offset, offset)));
  });
}
