/**
 * `npm run bench -- admin`: the admins' API beside PostGraphile 5.1, on the same rows in one run.
 *
 *   npm run bench -- admin --size small --seconds 1      to see that it works: printed, not saved
 *   npm run bench -- admin --only questions,depth        a part: printed, not saved
 *   npm run bench -- admin --grown grown                 with 10,000,000 messages against 100,000 too: an hour's seeding, once
 *   npm run bench -- admin --seed-only                   only fills the database; `nice` it (`--size grown` for the other)
 *   npm run bench -- admin --profile threads             where our server's time goes at one question
 *
 * Parts: questions, depth, search, growth. The database stays in the system's temporary folder for the next run.
 */
import { parseArgs } from "node:util";
import { installPeers } from "../install-peers.ts";
import { saveResults } from "../report.ts";
import { type Comparison, type Contestants, compareOn, enter } from "./compare.ts";
import { inSession, type SeededServer, type SocketDatabase, startSeededServer } from "./database.ts";
import { type Depth, measureDepth } from "./depth.ts";
import { type Growth, measureGrowth } from "./growth.ts";
import { CONNECTIONS } from "./load.ts";
import { profileOurs } from "./profile.ts";
import type { QuestionName } from "./questions.ts";
import type { Pace } from "./rounds.ts";
import { measureSearch, type Search } from "./search.ts";
import { readSize, type Size } from "./sizes.ts";
import { startSubject } from "./subject.ts";
import { printTables, saveTable } from "./table.ts";
import { drawVariables } from "./variables.ts";

export interface AdminResults {
  readonly questions?: Partial<Record<QuestionName, Comparison>>;
  readonly depth?: Record<string, Depth>;
  readonly search?: Search;
  readonly growth?: Record<string, Growth>;
}

const PARTS = ["questions", "depth", "search", "growth"] as const;
type Part = (typeof PARTS)[number];

interface Plan {
  readonly size: Size;
  /** Of the larger database that growth is measured with. */
  readonly grown: Size;
  readonly pace: Pace;
  readonly parts: ReadonlySet<Part>;
}

const ROUND_SECONDS = 5;
/** A B B A that often: with the rounds as long as they are, a minute a question. */
const TURNS = 3;

const log = (line: string) => console.log(line);

/** Runs it; a whole run is kept in `bench/results/admin.{json,md}`. */
export async function benchAdmin(args: readonly string[]): Promise<void> {
  const { size, grown, seconds, parts, isWhole, profile, seedOnly } = readArguments(args);
  const startedAt = performance.now();
  const server = await startSeededServer(log);
  try {
    const database = await server.open(size);
    const pace = { seconds, turns: TURNS, postmasterPid: server.postmasterPid };
    if (seedOnly) return;
    if (profile) return await profileOurs(database, size, profile, seconds);
    const results = await measure(server, database, { size, grown, pace, parts });
    printTables(results);
    if (!isWhole) return;
    const took = Math.round((performance.now() - startedAt) / 1_000);
    const run = {
      size,
      connections: CONNECTIONS,
      roundSeconds: seconds,
      turns: TURNS,
      postgres: server.version,
      seconds: took,
    };
    saveResults("admin", { ...run, results });
    saveTable(size, results);
  } finally {
    await server.close();
  }
}

async function measure(
  server: SeededServer,
  database: SocketDatabase,
  { size, grown, pace, parts }: Plan,
): Promise<AdminResults> {
  installPeers("admin/peer");
  const subjects = { ours: await startSubject("ours", database), peer: await startSubject("peer", database) };
  const contestants = enter(subjects);
  try {
    return {
      ...(parts.has("questions") && { questions: await askQuestions(database, size, contestants, pace) }),
      ...(parts.has("depth") && { depth: await measureDepth(contestants.ours, pace) }),
      ...(parts.has("search") && { search: await measureSearch(contestants.ours.client, pace.seconds) }),
      ...(parts.has("growth") && { growth: await measureGrowth(server, grown, pace) }),
    };
  } finally {
    for (const { client, subject } of Object.values(contestants)) {
      client.close();
      await subject.stop();
    }
  }
}

async function askQuestions(database: SocketDatabase, size: Size, contestants: Contestants, pace: Pace) {
  const clients = { ours: contestants.ours.client, peer: contestants.peer.client };
  const drawn = await inSession(database, (session) => drawVariables(session, size, clients));
  return compareOn(contestants, drawn, pace, log);
}

function readArguments(args: readonly string[]) {
  const options = {
    size: { type: "string", default: "full" },
    seconds: { type: "string", default: String(ROUND_SECONDS) },
    only: { type: "string" },
    grown: { type: "string" },
    "seed-only": { type: "boolean", default: false },
    profile: { type: "string" },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds: a round takes more than ${values.seconds}`);
  const parts = new Set<Part>(
    values.only === undefined ? PARTS.filter((part) => part !== "growth") : readParts(values.only),
  );
  if (values.grown !== undefined) parts.add("growth");
  return {
    grown: readSize(values.grown ?? "grown"),
    size: readSize(values.size),
    seconds,
    parts,
    isWhole: values.only === undefined && values.size === "full" && (values.grown ?? "grown") === "grown",
    profile: values.profile,
    seedOnly: values["seed-only"],
  };
}

function readParts(given: string): Part[] {
  return given.split(",").map((name) => {
    const part = PARTS.find((known) => known === name);
    if (part === undefined) throw new Error(`--only: there is no ${name}. There are: ${PARTS.join(", ")}.`);
    return part;
  });
}
