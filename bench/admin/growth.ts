/** Compares the same pages with 100,000 and with 10,000,000 messages, for our server only: does a page cost more? */

import type { Sql } from "postgres";
import { inSession, type SeededServer } from "./database.ts";
import { ratioOf } from "./depth.ts";
import { LISTS, pageQuery, walkQuery } from "./lists.ts";
import { type Client, createClient, toBody } from "./load.ts";
import { QUESTIONS, threadVariables } from "./questions.ts";
import { type Figures, measureAlternating, type Pace } from "./rounds.ts";
import { readSize, type Size } from "./sizes.ts";
import { type Subject, startSubject } from "./subject.ts";
import { walk } from "./variables.ts";

export interface Growth {
  readonly few: Figures;
  readonly many: Figures;
  /** Many divided by few. */
  readonly ratio: { readonly p50: number; readonly serverCpu: number };
}

/** With 50 rows per page, every list has this page at 100,000 messages. */
const DEEP_PAGE = 90;
const THREADS = 100;
const BY_CREATION = "orderBy: { field: CREATED_AT, direction: DESC }";

interface Side {
  readonly name: string;
  readonly subject: Subject;
  readonly client: Client;
  readonly bodies: ReadonlyMap<string, readonly Buffer[]>;
}

/** @param grown the size of the larger database. */
export async function measureGrowth(server: SeededServer, grown: Size, pace: Pace): Promise<Record<string, Growth>> {
  const sides = [await openSide(server, readSize("tiny")), await openSide(server, grown)];
  try {
    const growths: Record<string, Growth> = {};
    for (const page of sides[0]?.bodies.keys() ?? []) {
      const workloads = sides.map((side) => ({ ...side, bodies: side.bodies.get(page) ?? [] }));
      const [few, many] = await measureAlternating(workloads, pace);
      if (!few || !many) throw new Error("two workloads must have two figures");
      growths[page] = { few, many, ratio: ratioOf(many, few) };
    }
    return growths;
  } finally {
    for (const side of sides) {
      side.client.close();
      await side.subject.stop();
    }
  }
}

async function openSide(server: SeededServer, size: Size): Promise<Side> {
  const database = await server.open(size);
  const subject = await startSubject("ours", database);
  const client = createClient(subject);
  const bodies = new Map<string, readonly Buffer[]>();
  for (const list of LISTS) {
    const cursors = await walk(client, walkQuery(list), {}, DEEP_PAGE);
    bodies.set(`${list}, page 1`, [toBody(pageQuery(list), {})]);
    bodies.set(
      `${list}, page ${DEEP_PAGE}`,
      cursors.slice(-10).map((after) => toBody(pageQuery(list), { after })),
    );
  }
  // Ordered by activity, the first page of the larger database has threads that are ten times longer: with more threads, the
  // most recently active ones are longer.
  bodies.set("threads by creation, page 1", [toBody(pageQuery("threads", BY_CREATION), {})]);
  const threads = await inSession(database, findThreads);
  const { queries } = QUESTIONS.find(({ name }) => name === "thread") ?? { queries: { ours: "" } };
  bodies.set(
    "a thread's messages with runs and tool calls",
    threads.map((id) => toBody(queries.ours, threadVariables(id).ours)),
  );
  return { name: `${size.messages} messages`, subject, client, bodies };
}

/** Ids of threads of about the same length in both databases. */
async function findThreads(session: Sql): Promise<string[]> {
  const rows = await session<{ id: string }[]>`
    select id from threads where next_position between 101 and 160 order by md5(id::text) limit ${THREADS}`;
  return rows.map(({ id }) => id);
}
