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

  const [file = ""] = readdirSync(folder);
  const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile;
  console.log(`${question.title}: ${measured.requests} requests, profile in ${join(folder, file)}`);
  const times = sumUp(profile, fromUs);
  console.log("\nby package, % of the time at work (self)");
  printShares(times.packages, times.busyUs);
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
  const times = {
    packages: new Map<string, number>(),
    self: new Map<string, number>(),
    inclusive: new Map<string, number>(),
  };
  let busyUs = 0;
  const add = (to: Map<string, number>, name: string, us: number) => to.set(name, (to.get(name) ?? 0) + us);
  /** `above`: the functions that are under way; one that calls itself counts once. */
  const visit = (node: ProfileNode, above: ReadonlySet<string>) => {
    const us = selfUs.get(node.id) ?? 0;
    const name = nameOf(node);
    if (!isIdle(node)) {
      busyUs += us;
      add(times.self, name, us);
      add(times.packages, packageOf(node), us);
      for (const caller of new Set([...above, name])) add(times.inclusive, caller, us);
    }
    const under = new Set([...above, name]);
    for (const child of node.children ?? []) {
      const next = byId.get(child);
      if (next) visit(next, under);
    }
  };
  const [root] = nodes;
  if (root) visit(root, new Set());
  return { ...times, busyUs };
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

function nameOf(node: ProfileNode): string {
  const { functionName, url, lineNumber } = node.callFrame;
  const file = url.split("/node_modules/").at(-1)?.split("/").slice(-3).join("/") ?? "";
  return `${functionName || "(anonymous)"}${file === "" ? "" : `  ${packageOf(node)} ${file}:${lineNumber + 1}`}`;
}

function packageOf({ callFrame: { url, functionName } }: ProfileNode): string {
  if (url.startsWith("node:")) return "node";
  const path = url.split("/node_modules/").at(-1);
  if (url.includes("/node_modules/") && path !== undefined) {
    return path
      .split("/")
      .slice(0, path.startsWith("@") ? 2 : 1)
      .join("/");
  }
  if (url.includes("/src/")) return "counterhand";
  return functionName === "(garbage collector)" ? "garbage collector" : url === "" ? "V8 and native" : "other";
}
