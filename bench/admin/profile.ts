/** Where our server's CPU time goes at one question: V8's profile of it under load, summed up by package and by function. */
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inSession, type SocketDatabase } from "./database.ts";
import { CONNECTIONS, createClient, toBody } from "./load.ts";
import { QUESTIONS } from "./questions.ts";
import { hundredths } from "./rounds.ts";
import type { Size } from "./sizes.ts";
import { startSubject } from "./subject.ts";
import { drawVariables } from "./variables.ts";

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** In microseconds of the machine's monotonic clock. */
  readonly startTime: number;
  /** The node that was running at each sample, and how long since the sample before, in microseconds. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

const MOST_ROWS = 25;
const SAMPLING_US = 200;

export async function profileOurs(database: SocketDatabase, size: Size, name: string, seconds: number): Promise<void> {
  const question = QUESTIONS.find((known) => known.name === name);
  if (!question)
    throw new Error(`--profile: there is no ${name}. There are: ${QUESTIONS.map((known) => known.name).join(", ")}.`);
  const folder = mkdtempSync(join(tmpdir(), "counterhand-profile-"));
  const options = ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${SAMPLING_US}`];
  const subject = await startSubject("ours", database, options);
  const client = createClient(subject);
  const drawn = await inSession(database, (session) => drawVariables(session, size, { ours: client }));
  const bodies = drawn[question.name].map((variables) => toBody(question.queries.ours, variables.ours));
  await client.load(bodies, { connections: CONNECTIONS, seconds });
  const fromUs = Number(process.hrtime.bigint() / 1_000n);
  const measured = await client.load(bodies, { connections: CONNECTIONS, seconds });
  client.close();
  await subject.stop();
  console.log(`${question.title}: ${measured.requests} requests`);
  printProfile(folder, fromUs);
}

/** Sums up the one profile in a folder. `fromUs`: when the warming up was over, in microseconds of the monotonic clock. */
export function printProfile(folder: string, fromUs: number): void {
  const [file = ""] = readdirSync(folder);
  const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile;
  console.log(`profile in ${join(folder, file)}`);
  const times = sumUp(profile, fromUs);
  console.log("\nby package, % of the time at work (self)");
  printShares(times.packages, times.busyUs);
  console.log("\nby package, % of the time at work (with all that it calls)");
  printShares(times.packagesInclusive, times.busyUs);
  console.log("\nby function, % of the time at work (self)");
  printShares(times.self, times.busyUs);
  console.log("\nby function, % of the time at work (with all that it calls)");
  printShares(times.inclusive, times.busyUs);
}

/** From a moment on: before it the process started and warmed up. */
function sumUp({ nodes, startTime, samples, timeDeltas }: CpuProfile, fromUs: number) {
  const selfUs = new Map<number, number>();
  let atUs = startTime;
  for (const [index, id] of samples.entries()) {
    const deltaUs = timeDeltas[index] ?? 0;
    atUs += deltaUs;
    if (atUs >= fromUs) selfUs.set(id, (selfUs.get(id) ?? 0) + deltaUs);
  }
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const times = { packages: new Map(), packagesInclusive: new Map(), self: new Map(), inclusive: new Map() } as Times;
  let busyUs = 0;
  const visit = (node: ProfileNode, under: Under) => {
    const us = selfUs.get(node.id) ?? 0;
    // What V8 does itself (JSON, writing to a socket) is done for whoever called it.
    const owner = packageOf(node) ?? under.owner;
    const functions = new Set([...under.functions, nameOf(node, owner)]);
    const packages = new Set([...under.packages, owner]);
    if (!isIdle(node)) {
      busyUs += us;
      add(times.self, nameOf(node, owner), us);
      add(times.packages, owner, us);
      for (const name of functions) add(times.inclusive, name, us);
      for (const name of packages) add(times.packagesInclusive, name, us);
    }
    for (const child of node.children ?? []) {
      const next = byId.get(child);
      if (next) visit(next, { owner, functions, packages });
    }
  };
  const [root] = nodes;
  if (root) visit(root, { owner: "V8", functions: new Set(), packages: new Set() });
  return { ...times, busyUs };
}

type Times = Readonly<Record<"packages" | "packagesInclusive" | "self" | "inclusive", Map<string, number>>>;

/** What is under way above a node: sets, so that a function that calls itself counts once. */
interface Under {
  readonly owner: string;
  readonly functions: ReadonlySet<string>;
  readonly packages: ReadonlySet<string>;
}

function add(to: Map<string, number>, name: string, us: number): void {
  to.set(name, (to.get(name) ?? 0) + us);
}

function printShares(times: ReadonlyMap<string, number>, totalUs: number): void {
  const rows = [...times].sort(([, one], [, other]) => other - one).slice(0, MOST_ROWS);
  for (const [name, us] of rows)
    console.log(
      `${hundredths((100 * us) / totalUs)
        .toFixed(2)
        .padStart(6)}  ${name}`,
    );
}

function isIdle({ callFrame }: ProfileNode): boolean {
  return callFrame.functionName === "(idle)" || callFrame.functionName === "(root)";
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode, owner: string): string {
  const file = url.split("/node_modules/").at(-1)?.split("/").slice(-3).join("/") ?? "";
  return `${functionName || "(anonymous)"}  ${owner}${file === "" ? "" : ` ${file}:${lineNumber + 1}`}`;
}

/** Undefined for what has no file of its own. */
function packageOf({ callFrame: { url, functionName } }: ProfileNode): string | undefined {
  if (functionName === "(garbage collector)") return "garbage collector";
  if (url === "") return undefined;
  if (url.startsWith("node:")) return "node";
  const [, path] = url.split("/node_modules/");
  if (path === undefined) return "counterhand";
  return path
    .split("/")
    .slice(0, path.startsWith("@") ? 2 : 1)
    .join("/");
}
