/** Sends so many requests and tells of each that was answered as none may be. */
import fc from "fast-check";
import { createSchema } from "../../../src/graphql/schema.ts";
import { findFaults } from "./judge.ts";
import { type FuzzRequest, requestsTo } from "./requests.ts";
import type { FuzzBed } from "./target.ts";
import { catchStrays, type Strays } from "./unhandled-errors.ts";

export interface Finding {
  readonly faults: readonly string[];
  readonly request: FuzzRequest;
  /** The beginning of the answer. */
  readonly answer: string;
  /** What was logged for it. */
  readonly logged: unknown[];
}

export interface Tally {
  readonly asked: number;
  /** How many answers had each of these: a status, or an error's code. */
  readonly seen: Record<string, number>;
  readonly findings: readonly Finding[];
}

/** So many are drawn at once: what is drawn is kept until it is sent. */
const CHUNK = 500;
const MAX_FINDINGS = 50;

/** The same seed sends the same requests, but for the ids and cursors of the rows in the database. */
export async function fuzz(
  bed: FuzzBed,
  { seed, count }: { seed: number; count: number },
  onChunk: (tally: Tally) => void = () => undefined,
): Promise<Tally> {
  const strays = catchStrays();
  try {
    return await ask(bed, strays, { seed, count }, onChunk);
  } finally {
    strays.stop();
  }
}

async function ask(
  bed: FuzzBed,
  strays: Strays,
  { seed, count }: { seed: number; count: number },
  onChunk: (tally: Tally) => void,
): Promise<Tally> {
  const requests = requestsTo(createSchema(), bed.known);
  const findings: Finding[] = [];
  const seen: Record<string, number> = {};
  let asked = 0;
  for (let chunk = 0; asked < count && findings.length < MAX_FINDINGS; chunk++) {
    for (const request of fc.sample(requests, { numRuns: Math.min(CHUNK, count - asked), seed: seed + chunk })) {
      bed.errors.length = 0;
      const answer = await bed.ask(request);
      const faults = [...findFaults(request, answer), ...(await strays.take())];
      for (const name of labelsOf(answer)) seen[name] = (seen[name] ?? 0) + 1;
      if (faults.length > 0)
        findings.push({ faults, request, answer: answer.text.slice(0, 500), logged: [...bed.errors] });
      asked += 1;
    }
    onChunk({ asked, seen, findings });
  }
  return { asked, seen, findings };
}

function labelsOf({ status, text }: { status: number; text: string }): Set<string> {
  const codes = [...text.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code ?? "");
  return new Set([String(status), text.includes('"errors"') ? "with errors" : "without errors", ...codes]);
}
