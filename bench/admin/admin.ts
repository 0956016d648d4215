/**
 * `npm run bench -- admin`: the admin API compared with PostGraphile 5.1 on the same rows in one run.
 *
 *   npm run bench -- admin --size small --seconds 1      a quick check; printed, not saved
 *   npm run bench -- admin --only questions,depth        some parts; printed, not saved
 *   npm run bench -- admin --grown grown                 also 10,000,000 messages against 100,000; seeded once, in an hour
 *   npm run bench -- admin --seed-only                   only seeds the database, best with `nice` (or with `--size grown`)
 *
 * Parts: questions, depth, search, growth. The database stays in the system's temporary folder for the next run.
 */
import { parseArgs } from "node:util";
import { installPeers } from "../install-peers.ts";
import { saveResults } from "../report.ts";
import { type ConnectedSubjects, compareOn, connectSubjects } from "./compare.ts";
import { inSession, type SeededServer, type SocketDatabase, startSeededServer } from "./database.ts";
import { measureDepth } from "./depth.ts";
import { measureGrowth } from "./growth.ts";
import { CONNECTIONS } from "./load.ts";
import type { Pace } from "./rounds.ts";
import { measureSearch } from "./search.ts";
import { readSize, type Size } from "./sizes.ts";
import { startSubject } from "./subject.ts";
import { type AdminResults, printTables, saveTable } from "./table.ts";
import { drawVariables } from "./variables.ts";

const PARTS = ["questions", "depth", "search", "growth"] as const;
type Part = (typeof PARTS)[number];

interface Plan {
  readonly size: Size;
  /** The size of the larger database for the part "growth". */
  readonly grown: Size;
  readonly pace: Pace;
  readonly parts: ReadonlySet<Part>;
}

const ROUND_SECONDS = 5;
/** Number of A B B A sequences: about a minute per question. */
const TURNS = 3;

const log = (line: string) => console.log(line);

/** Runs the benchmark. A complete run is saved in `bench/results/admin.{json,md}`. */
export async function benchAdmin(args: readonly string[]): Promise<void> {
  const { size, grown, seconds, parts, isComplete, seedOnly } = readArguments(args);
  const startedAt = performance.now();
  const server = await startSeededServer(log);
  try {
    const database = await server.open(size);
    const pace = { seconds, turns: TURNS, postmasterPid: server.postmasterPid };
    if (seedOnly) return;
    const results = await measure(server, database, { size, grown, pace, parts });
    printTables(results);
    if (!isComplete) return;
    const run = {
      size,
      connections: CONNECTIONS,
      roundSeconds: seconds,
      turns: TURNS,
      postgres: server.version,
      seconds: Math.round((performance.now() - startedAt) / 1_000),
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
  const connected = connectSubjects(subjects);
  try {
    return {
      ...(parts.has("questions") && { questions: await askQuestions(database, size, connected, pace) }),
      ...(parts.has("depth") && { depth: await measureDepth(connected.ours, pace) }),
      ...(parts.has("search") && { search: await measureSearch(connected.ours.client, pace.seconds) }),
      ...(parts.has("growth") && { growth: await measureGrowth(server, grown, pace) }),
    };
  } finally {
    for (const { client, subject } of Object.values(connected)) {
      client.close();
      await subject.stop();
    }
  }
}

async function askQuestions(database: SocketDatabase, size: Size, connected: ConnectedSubjects, pace: Pace) {
  const clients = { ours: connected.ours.client, peer: connected.peer.client };
  const drawn = await inSession(database, (session) => drawVariables(session, size, clients));
  return compareOn(connected, drawn, pace, log);
}

function readArguments(args: readonly string[]) {
  const options = {
    size: { type: "string", default: "full" },
    seconds: { type: "string", default: String(ROUND_SECONDS) },
    only: { type: "string" },
    grown: { type: "string" },
    "seed-only": { type: "boolean", default: false },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds must be more than 0, not ${values.seconds}`);
  const parts = new Set<Part>(
    values.only === undefined ? PARTS.filter((part) => part !== "growth") : readParts(values.only),
  );
  if (values.grown !== undefined) parts.add("growth");
  return {
    grown: readSize(values.grown ?? "grown"),
    size: readSize(values.size),
    seconds,
    parts,
    isComplete: values.only === undefined && values.size === "full" && (values.grown ?? "grown") === "grown",
    seedOnly: values["seed-only"],
  };
}

function readParts(names: string): Part[] {
  return names.split(",").map((name) => {
    const part = PARTS.find((known) => known === name);
    if (part === undefined) throw new Error(`--only: unknown part ${name}. Choose from: ${PARTS.join(", ")}.`);
    return part;
  });
}
