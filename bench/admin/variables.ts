/**
 * What the questions are asked with: drawn from a seeded list, many for each, so that no cache of answers would help.
 *
 * Which threads are long is read from the database; where the cursors deep in the log are, each subject says itself.
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
/** How deep the deep pages lie, at the full size; at a smaller one in proportion. */
const DEPTHS = { from: 20_000, until: 80_000, ofToolCalls: 500_000 };
const WALK_PAGE = 100;

/** A subject that is not asked needs no cursors. */
type Clients = Readonly<Partial<Record<Dialect, Client>>>;

/** @param session on the database that the clients' servers are on. */
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

/** Ids of threads with 100 messages and more, in an order that says nothing. */
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

/** The cursors at the ends of a list's pages, one after the other. @param query names the list `list`, and takes `$after`. */
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
