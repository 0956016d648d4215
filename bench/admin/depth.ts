/** Whether a page costs more the deeper it lies: ours alone, page 1 and page 1,000 of each list in turn. */

import { LISTS, type ListName, pageQuery, walkQuery } from "./lists.ts";
import { type Client, toBody } from "./load.ts";
import { type Contender, type Figures, hundredths, measureInTurn, type Pace } from "./rounds.ts";
import type { Subject } from "./subject.ts";
import { walk } from "./variables.ts";

export interface Depth {
  /** Which page the deep one is: at a small size a list has fewer than 1,000. */
  readonly page: number;
  readonly first: Figures;
  readonly deep: Figures;
  /** Deep divided by first. */
  readonly ratio: { readonly p50: number; readonly serverCpu: number };
}

const DEEP_PAGE = 1_000;
/** Pages around the deep one, so that it is not the same one all the time. */
const DEEP_PAGES = 20;

export async function measureDepth(
  { subject, client }: { subject: Subject; client: Client },
  pace: Pace,
): Promise<Record<ListName, Depth>> {
  const entries: [ListName, Depth][] = [];
  for (const list of LISTS) {
    const cursors = await walk(client, walkQuery(list), {}, DEEP_PAGE + DEEP_PAGES / 2);
    const [first, deep] = await measureInTurn(
      [contender("first", [undefined]), contender("deep", cursors.slice(-DEEP_PAGES))],
      pace,
    );
    if (!first || !deep) throw new Error("two contenders have two figures");
    entries.push([list, { page: Math.min(DEEP_PAGE, cursors.length), first, deep, ratio: ratioOf(deep, first) }]);

    function contender(name: string, places: readonly (string | undefined)[]): Contender {
      return { name, subject, client, bodies: places.map((after) => toBody(pageQuery(list), { after })) };
    }
  }
  return Object.fromEntries(entries) as Record<ListName, Depth>;
}

/** Of the middle latency and of the server's CPU time, one divided by the other. */
export function ratioOf(one: Figures, other: Figures): { p50: number; serverCpu: number } {
  return {
    p50: hundredths(one.latencyMs.p50 / other.latencyMs.p50),
    serverCpu: hundredths(one.serverCpuMsPerRequest / other.serverCpuMsPerRequest),
  };
}
