/** Compares page 1 with page 1,000 of each list, for our server only: does a deep page cost more? */

import { LISTS, type ListName, pageQuery, walkQuery } from "./lists.ts";
import { type Client, toBody } from "./load.ts";
import { type Figures, hundredths, measureAlternating, type Pace, type Workload } from "./rounds.ts";
import type { Subject } from "./subject.ts";
import { walk } from "./variables.ts";

export interface Depth {
  /** The number of the deep page. In a small database a list has fewer than 1,000 pages. */
  readonly page: number;
  readonly first: Figures;
  readonly deep: Figures;
  /** Deep divided by first. */
  readonly ratio: { readonly p50: number; readonly serverCpu: number };
}

const DEEP_PAGE = 1_000;
/** Number of pages around the deep one, so that not every request asks for the same page. */
const DEEP_PAGES = 20;

export async function measureDepth(
  { subject, client }: { subject: Subject; client: Client },
  pace: Pace,
): Promise<Record<ListName, Depth>> {
  const entries: [ListName, Depth][] = [];
  for (const list of LISTS) {
    const cursors = await walk(client, walkQuery(list), {}, DEEP_PAGE + DEEP_PAGES / 2);
    const [first, deep] = await measureAlternating(
      [workload("first", [undefined]), workload("deep", cursors.slice(-DEEP_PAGES))],
      pace,
    );
    if (!first || !deep) throw new Error("two workloads must have two figures");
    entries.push([list, { page: Math.min(DEEP_PAGE, cursors.length), first, deep, ratio: ratioOf(deep, first) }]);

    function workload(name: string, cursors: readonly (string | undefined)[]): Workload {
      return { name, subject, client, bodies: cursors.map((after) => toBody(pageQuery(list), { after })) };
    }
  }
  return Object.fromEntries(entries) as Record<ListName, Depth>;
}

/** The ratios of the median latencies and of the server's CPU times. */
export function ratioOf(one: Figures, other: Figures): { p50: number; serverCpu: number } {
  return {
    p50: hundredths(one.latencyMs.p50 / other.latencyMs.p50),
    serverCpu: hundredths(one.serverCpuMsPerRequest / other.serverCpuMsPerRequest),
  };
}
