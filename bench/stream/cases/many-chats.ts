/**
 * Case "many": 1, 10, 100 and 1,000 chats at once on a Telegram without limits, each on a process that just started: CPU
 * time per token, memory per open stream, staleness.
 */
import { rounded } from "../../report.ts";
import { cpuOfTrees, residentMiB, watchMemory } from "../process-tree.ts";
import { createScene, type Scene } from "../environment.ts";
import { findFaults, meanStaleness } from "../staleness.ts";
import { type RunningSubject, type Subject, startSubject } from "../subject.ts";
import { plainTokens } from "../tokens.ts";
import { TOKENS_PER_SECOND, usualTurn } from "./case.ts";

export interface ManyChatsResult {
  chats: number;
  /** User and system time of the whole process tree, the embedded PostgreSQL included. */
  cpuPerTokenUs: number;
  meanStalenessMs: number;
  worstStalenessMs: number;
  /** Peak of the Node process over what it held before, by streams open at once. */
  memoryPerStreamKiB: number;
  mostOpenStreams: number;
  /** From the questions, sent all at once, to the last one's request at the model. */
  lastAskedMs: number;
  peakResidentMiB: number;
  seconds: number;
  /** Share of one core that the scene itself used: near 1 and above, the scene is what is measured. */
  sceneCores: number;
  subjectCores: number;
  incomplete: number;
  lost: number;
}

export const MANY_CHATS = [1, 10, 100, 1_000];

const IDLE_MS = 2_000;
const LIMIT_MS = 240_000;

export async function manyChatsCase(subject: Subject, seed: string, chats: number): Promise<ManyChatsResult> {
  const scene = await createScene({ limits: "none" });
  const running = await startSubject(subject, scene, { callsPerSecond: Number.POSITIVE_INFINITY });
  try {
    await warmUp(scene, seed);
    return await measure(scene, running, { seed, chats });
  } finally {
    await running.stop();
    await scene.close();
  }
}

/** One short answer: what is loaded and compiled at the first use of all is not what a token costs. */
async function warmUp(scene: Scene, seed: string): Promise<void> {
  const tokens = plainTokens({ seed: `${seed} warm-up`, count: TOKENS_PER_SECOND });
  const question = scene.ask(scene.privateChat(), [{ tokens, perSecond: TOKENS_PER_SECOND }]);
  if (!(await scene.waitUntilComplete(question, LIMIT_MS))) throw new Error("the first question was not answered");
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
}

async function measure(
  scene: Scene,
  running: RunningSubject,
  { seed, chats }: { seed: string; chats: number },
): Promise<ManyChatsResult> {
  const idleMiB = residentMiB(running.pid);
  const stopWatching = watchMemory(running.pid);
  const roots = running.roots();
  const [cpuBefore, sceneBefore, startedAt] = [cpuOfTrees(roots), process.cpuUsage(), scene.now()];

  const asked = Array.from({ length: chats }, (_, index) => usualTurn(`${seed} many ${index}`)).map((turn) =>
    scene.ask(scene.privateChat(), [turn]),
  );
  const complete = await Promise.all(asked.map((question) => scene.waitUntilComplete(question, LIMIT_MS)));

  const wallMs = scene.now() - startedAt;
  const cpuMs = cpuOfTrees(roots) - cpuBefore;
  const sceneCpu = process.cpuUsage(sceneBefore);
  const peakMiB = stopWatching();
  const tokens = asked.reduce((sum, { tokenAt }) => sum + tokenAt.length, 0);
  const means = asked.map(meanStaleness);
  const { most } = scene.openStreams();
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
