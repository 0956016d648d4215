/** CPU profile of our server for one question: V8's profile under load, summed by package and by function. */
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
  /** The running node at each sample, and the time since the previous sample in microseconds. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

const MAX_ROWS = 25;
const SAMPLING_US = 200;

export async function profileOurs(database: SocketDatabase, size: Size, name: string, seconds: number): Promise<void> {
  const question = QUESTIONS.find((known) => known.name === name);
  if (!question)
    throw new Error(
      `--profile: unknown question ${name}. Choose one of: ${QUESTIONS.map((known) => known.name).join(", ")}.`,
    );
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

/** Prints the profile in a folder. `fromUs`: the end of the warm-up, in microseconds of the monotonic clock. */
export function printProfile(folder: string, fromUs: number): void {
  const [file = ""] = readdirSync(folder);
  const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile;
  console.log(`profile in ${join(folder, file)}`);
  const times = sumTimes(profile, fromUs);
  console.log("\nby package, % of busy time (self)");
  printShares(times.packages, times.busyUs);
  console.log("\nby package, % of busy time (total)");
  printShares(times.packagesInclusive, times.busyUs);
  console.log("\nby function, % of busy time (self)");
  printShares(times.self, times.busyUs);
  console.log("\nby function, % of busy time (total)");
  printShares(times.inclusive, times.busyUs);
}

/** Ignores samples before `fromUs`: the start and the warm-up. */
function sumTimes({ nodes, startTime, samples, timeDeltas }: CpuProfile, fromUs: number) {
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
  const visit = (node: ProfileNode, callers: Callers) => {
    const us = selfUs.get(node.id) ?? 0;
    // Built-in functions (JSON, socket writes) count for the package that called them.
    const owner = packageOf(node) ?? callers.owner;
    const functions = new Set([...callers.functions, nameOf(node, owner)]);
    const packages = new Set([...callers.packages, owner]);
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

/** The callers of a node. Sets, so that a recursive function counts once. */
interface Callers {
  readonly owner: string;
  readonly functions: ReadonlySet<string>;
  readonly packages: ReadonlySet<string>;
}

function add(to: Map<string, number>, name: string, us: number): void {
  to.set(name, (to.get(name) ?? 0) + us);
}

function printShares(times: ReadonlyMap<string, number>, totalUs: number): void {
  const rows = [...times].sort(([, one], [, other]) => other - one).slice(0, MAX_ROWS);
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

/** Undefined for functions without a file. */
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
