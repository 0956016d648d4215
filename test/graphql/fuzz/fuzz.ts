/** Sends generated requests and reports every faulty response. */

import { createSchema } from "../../../src/graphql/schema.ts";
import { fc } from "../../support/property.ts";
import { type FuzzRequest, requestsTo } from "./requests.ts";
import { findFaults } from "./response-checks.ts";
import type { FuzzTarget } from "./target.ts";
import { catchUnhandledErrors, type UnhandledErrors } from "./unhandled-errors.ts";

export interface Finding {
  readonly faults: readonly string[];
  readonly request: FuzzRequest;
  /** The start of the response. */
  readonly answer: string;
  /** Log lines of the request. */
  readonly logged: unknown[];
}

export interface Tally {
  readonly asked: number;
  /** Number of responses by status and error code. */
  readonly seen: Record<string, number>;
  readonly findings: readonly Finding[];
}

/** Requests generated at a time: they are held in memory until they are sent. */
const CHUNK = 500;
const MAX_FINDINGS = 50;

/** The same seed generates the same requests, except for ids and cursors of rows in the database. */
export async function fuzz(
  target: FuzzTarget,
  { seed, count }: { seed: number; count: number },
  onChunk: (tally: Tally) => void = () => undefined,
): Promise<Tally> {
  const unhandled = catchUnhandledErrors();
  try {
    return await ask(target, unhandled, { seed, count }, onChunk);
  } finally {
    unhandled.stop();
  }
}

async function ask(
  target: FuzzTarget,
  unhandled: UnhandledErrors,
  { seed, count }: { seed: number; count: number },
  onChunk: (tally: Tally) => void,
): Promise<Tally> {
  const requests = requestsTo(createSchema(), target.known);
  const findings: Finding[] = [];
  const seen: Record<string, number> = {};
  let asked = 0;
  for (let chunk = 0; asked < count && findings.length < MAX_FINDINGS; chunk++) {
    for (const request of fc.sample(requests, { numRuns: Math.min(CHUNK, count - asked), seed: seed + chunk })) {
      target.errors.length = 0;
      const answer = await target.ask(request);
      const faults = [...findFaults(request, answer), ...(await unhandled.take())];
      for (const name of labelsOf(answer)) seen[name] = (seen[name] ?? 0) + 1;
      if (faults.length > 0)
        findings.push({ faults, request, answer: answer.text.slice(0, 500), logged: [...target.errors] });
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
