/**
 * Case "many": 1, 10, 100 and 1,000 concurrent chats without rate limits, each number in a new process. Measures CPU time per
 * token, memory per open stream, and staleness.
 */
import { rounded } from "../../report.ts";
import { createEnvironment, type Environment } from "../environment.ts";
import { cpuOfTrees, residentMiB, watchMemory } from "../process-tree.ts";
import { findFaults, meanStaleness } from "../staleness.ts";
import { type RunningSubject, type Subject, startSubject } from "../subject.ts";
import { plainTokens } from "../tokens.ts";
import { TOKENS_PER_SECOND, usualTurn } from "./case.ts";

export interface ManyChatsResult {
  chats: number;
  /** User and system time of the process tree, including the embedded PostgreSQL. */
  cpuPerTokenUs: number;
  meanStalenessMs: number;
  worstStalenessMs: number;
  /** The Node process's peak memory above its idle state, divided by the concurrent streams. */
  memoryPerStreamKiB: number;
  mostOpenStreams: number;
  /** Time from the questions, all sent at once, to the last model request. */
  lastAskedMs: number;
  peakResidentMiB: number;
  seconds: number;
  /** CPU cores that the benchmark itself used. Near 1 or above, the benchmark is the bottleneck. */
  sceneCores: number;
  subjectCores: number;
  incomplete: number;
  lost: number;
}

export const MANY_CHATS = [1, 10, 100, 1_000];

const IDLE_MS = 2_000;
const LIMIT_MS = 240_000;

export async function manyChatsCase(subject: Subject, seed: string, chats: number): Promise<ManyChatsResult> {
  const environment = await createEnvironment({ limits: "none" });
  const running = await startSubject(subject, environment, { callsPerSecond: Number.POSITIVE_INFINITY });
  try {
    await warmUp(environment, seed);
    return await measure(environment, running, { seed, chats });
  } finally {
    await running.stop();
    await environment.close();
  }
}

/** One short answer, so that loading and compiling do not count as the cost of tokens. */
async function warmUp(environment: Environment, seed: string): Promise<void> {
  const tokens = plainTokens({ seed: `${seed} warm-up`, count: TOKENS_PER_SECOND });
  const question = environment.ask(environment.privateChat(), [{ tokens, perSecond: TOKENS_PER_SECOND }]);
  if (!(await environment.waitUntilComplete(question, LIMIT_MS)))
    throw new Error("the first question was not answered");
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
}

async function measure(
  environment: Environment,
  running: RunningSubject,
  { seed, chats }: { seed: string; chats: number },
): Promise<ManyChatsResult> {
  const idleMiB = residentMiB(running.pid);
  const stopWatching = watchMemory(running.pid);
  const roots = running.roots();
  const [cpuBefore, sceneBefore, startedAt] = [cpuOfTrees(roots), process.cpuUsage(), environment.now()];

  const asked = Array.from({ length: chats }, (_, index) => usualTurn(`${seed} many ${index}`)).map((turn) =>
    environment.ask(environment.privateChat(), [turn]),
  );
  const complete = await Promise.all(asked.map((question) => environment.waitUntilComplete(question, LIMIT_MS)));

  const wallMs = environment.now() - startedAt;
  const cpuMs = cpuOfTrees(roots) - cpuBefore;
  const sceneCpu = process.cpuUsage(sceneBefore);
  const peakMiB = stopWatching();
  const tokens = asked.reduce((sum, { tokenAt }) => sum + tokenAt.length, 0);
  const means = asked.map(meanStaleness);
  const { most } = environment.openStreams();
  return {
    chats,
    cpuPerTokenUs: rounded((cpuMs * 1_000) / tokens),
    meanStalenessMs: rounded(means.reduce((sum, mean) => sum + mean, 0) / means.length),
    worstStalenessMs: rounded(Math.max(...means)),
    memoryPerStreamKiB: rounded(((peakMiB - idleMiB) * 1_024) / most),
    mostOpenStreams: most,
    lastAskedMs: rounded(Math.max(...asked.map(({ requests }) => requests[0]?.atMs ?? Number.NaN)) - startedAt),
    peakResidentMiB: rounded(peakMiB),
    seconds: rounded(wallMs / 1_000),
    sceneCores: rounded((sceneCpu.user + sceneCpu.system) / 1_000 / wallMs),
    subjectCores: rounded(cpuMs / wallMs),
    incomplete: complete.filter((isComplete) => !isComplete).length,
    lost: asked.reduce((sum, question) => sum + findFaults(question).lost, 0),
  };
}
