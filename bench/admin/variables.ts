/**
 * The variables of the questions. There are many random sets per question, so that a cache of answers would not help.
 *
 * Long threads are found in the database. Deep cursors come from each server itself.
 */
import type { Sql } from "postgres";
import { type Client, toBody } from "./load.ts";
import { callVariables, type QuestionName, threadVariables, type Variables, WALK } from "./questions.ts";
import { createRandom, pick } from "./random.ts";
import { SEED_END } from "./seed/statements.ts";
import type { Size } from "./sizes.ts";
import type { Dialect } from "./subject.ts";

const SEED = 5_202_611;
const SETS = 200;
const DAY_MS = 86_400_000;
const END_MS = Date.parse(SEED_END);
const TOOLS = ["CheckOutOfStock", "CheckOutOfStock", "CheckDailyRevenue", "CheckBestSellers", "CheckSupplier"];
const WALKED_TOOLS = ["CheckOutOfStock", "CheckDailyRevenue"];
/** The depth of the deep pages at the full size. At smaller sizes it is scaled. */
const DEPTHS = { from: 20_000, until: 80_000, ofToolCalls: 500_000 };
const WALK_PAGE = 100;

/** Only subjects that are measured need cursors. */
type Clients = Readonly<Partial<Record<Dialect, Client>>>;

/** @param session a connection to the database of the clients' servers. */
export async function drawVariables(
  session: Sql,
  size: Size,
  clients: Clients,
): Promise<Record<QuestionName, readonly Variables[]>> {
  const random = createRandom(SEED);
  const sets = <Value>(draw: () => Value): Value[] => Array.from({ length: SETS }, draw);
  const longThreads = await findLongThreads(session);
  return {
    threads: sets(() => {
      const until = new Date(END_MS - random() * 30 * DAY_MS).toISOString();
      return { ours: { until }, peer: { until } };
    }),
    thread: sets(() => threadVariables(pick(random, longThreads))),
    toolCalls: sets(() => drawWindow(random)),
    deepToolCalls: await drawDeepPlaces(random, size, clients),
  };
}

/** Ids of threads with at least 100 messages, in a pseudo-random order. */
async function findLongThreads(session: Sql): Promise<string[]> {
  const rows = await session<{ id: string }[]>`
    select id from threads where next_position > 100 order by md5(id::text) limit ${SETS}`;
  return rows.map(({ id }) => id);
}

function drawWindow(random: () => number): Variables {
  const fromMs = END_MS - (90 + random() * 600) * DAY_MS;
  const window = {
    from: new Date(fromMs).toISOString(),
    until: new Date(fromMs + (30 + random() * 60) * DAY_MS).toISOString(),
  };
  const calls = callVariables({ name: pick(random, TOOLS), status: random() < 0.5 ? "SUCCEEDED" : "FAILED" });
  return { ours: { ...calls.ours, ...window }, peer: { ...calls.peer, ...window } };
}

async function drawDeepPlaces(random: () => number, size: Size, clients: Clients): Promise<Variables[]> {
  const scale = size.toolCalls / DEPTHS.ofToolCalls;
  const from = Math.ceil((DEPTHS.from * scale) / WALK_PAGE);
  const until = Math.ceil((DEPTHS.until * scale) / WALK_PAGE);
  const lists: { filter: Variables; cursors: Record<Dialect, string[]> }[] = [];
  for (const name of WALKED_TOOLS) {
    const filter = callVariables({ name, status: "SUCCEEDED" });
    const cursorsOf = async (dialect: Dialect) => {
      const client = clients[dialect];
      return client ? walk(client, WALK[dialect], filter[dialect], until) : [];
    };
    lists.push({ filter, cursors: { ours: await cursorsOf("ours"), peer: await cursorsOf("peer") } });
  }
  return Array.from({ length: SETS }, () => {
    const { filter, cursors } = pick(random, lists);
    const page = Math.floor(from + random() * (cursors.ours.length - from));
    return {
      ours: { ...filter.ours, after: cursors.ours[page] },
      peer: { ...filter.peer, after: cursors.peer[page] },
    };
  });
}

interface Walked {
  readonly list: { readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string } };
}

/** The end cursors of a list's pages, in order. @param query must call the list `list` and take `$after`. */
export async function walk(client: Client, query: string, variables: object, pages: number): Promise<string[]> {
  const cursors: string[] = [];
  while (cursors.length < pages) {
    const { data } = await client.ask(toBody(query, { ...variables, after: cursors.at(-1) ?? null }));
    const { pageInfo } = (data as Walked).list;
    if (!pageInfo.hasNextPage) break;
    cursors.push(pageInfo.endCursor);
  }
  return cursors;
}
