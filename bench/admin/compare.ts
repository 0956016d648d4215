/** Compares the four questions with the peer: checks that the answers are equal, counts statements, then measures times. */
import { isDeepStrictEqual } from "node:util";
import { type Client, createClient, toBody } from "./load.ts";
import { normalize } from "./normalize.ts";
import { QUESTIONS, type Question, type QuestionName, type Variables } from "./questions.ts";
import { type Figures, hundredths, measureAlternating, type Pace } from "./rounds.ts";
import { type Dialect, LABELS, type Subject } from "./subject.ts";

export interface Comparison {
  readonly title: string;
  /** The number of variable sets. Both servers gave equal answers to each. */
  readonly variableSets: number;
  /** Average size of an answer in bytes. */
  readonly answerBytes: Readonly<Record<Dialect, number>>;
  readonly statementsPerRequest: Readonly<Record<Dialect, number>>;
  readonly ours: Figures;
  readonly peer: Figures;
  /** Ours divided by the peer's. */
  readonly ratio: { readonly requestsPerSecond: number; readonly p95: number; readonly serverCpu: number };
}

export type ConnectedSubjects = Readonly<Record<Dialect, { readonly subject: Subject; readonly client: Client }>>;

export function connectSubjects(subjects: Readonly<Record<Dialect, Subject>>): ConnectedSubjects {
  return {
    ours: { subject: subjects.ours, client: createClient(subjects.ours) },
    peer: { subject: subjects.peer, client: createClient(subjects.peer) },
  };
}

/** @throws when the answers differ. */
export async function compareOn(
  connected: ConnectedSubjects,
  drawn: Readonly<Record<QuestionName, readonly Variables[]>>,
  pace: Pace,
  log: (line: string) => void,
): Promise<Partial<Record<QuestionName, Comparison>>> {
  const comparisons: Partial<Record<QuestionName, Comparison>> = {};
  for (const question of QUESTIONS) {
    const sets = drawn[question.name];
    const checked = await checkEqual(connected, question, sets);
    log(`${question.title}: ${sets.length} answers are equal, ${checked.answerBytes.ours} bytes on average`);
    comparisons[question.name] = { ...checked, ...(await measureTimes(connected, question, sets, pace)) };
  }
  return comparisons;
}

async function checkEqual(connected: ConnectedSubjects, question: Question, sets: readonly Variables[]) {
  const before = { ours: await connected.ours.subject.usage(), peer: await connected.peer.subject.usage() };
  const bytes = { ours: 0, peer: 0 };
  for (const variables of sets) {
    const answers = { ours: {}, peer: {} };
    for (const dialect of ["ours", "peer"] as const) {
      const { data } = await connected[dialect].client.ask(toBody(question.queries[dialect], variables[dialect]));
      bytes[dialect] += JSON.stringify(data).length;
      answers[dialect] = { data: normalize(data) };
    }
    if (!isDeepStrictEqual(answers.ours, answers.peer)) throw differenceError(question, variables, answers);
  }
  const perRequest = async (dialect: Dialect) =>
    hundredths(((await connected[dialect].subject.usage()).statements - before[dialect].statements) / sets.length);
  return {
    title: question.title,
    variableSets: sets.length,
    answerBytes: { ours: Math.round(bytes.ours / sets.length), peer: Math.round(bytes.peer / sets.length) },
    statementsPerRequest: { ours: await perRequest("ours"), peer: await perRequest("peer") },
  };
}

async function measureTimes(
  { ours, peer }: ConnectedSubjects,
  question: Question,
  sets: readonly Variables[],
  pace: Pace,
) {
  const workload = (dialect: Dialect, { subject, client }: ConnectedSubjects[Dialect]) => ({
    name: LABELS[dialect],
    subject,
    client,
    bodies: sets.map((variables) => toBody(question.queries[dialect], variables[dialect])),
  });
  const [first, second] = await measureAlternating([workload("ours", ours), workload("peer", peer)], pace);
  if (!first || !second) throw new Error("two workloads must have two figures");
  const failed = first.failed + second.failed;
  if (failed > 0) throw new Error(`${question.title}: ${failed} requests failed`);
  return {
    ours: first,
    peer: second,
    ratio: {
      requestsPerSecond: hundredths(first.requestsPerSecond / second.requestsPerSecond),
      p95: hundredths(first.latencyMs.p95 / second.latencyMs.p95),
      serverCpu: hundredths(first.serverCpuMsPerRequest / second.serverCpuMsPerRequest),
    },
  };
}

/** An error that shows the lines around the first difference. */
function differenceError(question: Question, variables: Variables, answers: Readonly<Record<Dialect, object>>): Error {
  const ours = JSON.stringify(answers.ours, null, 1).split("\n");
  const peer = JSON.stringify(answers.peer, null, 1).split("\n");
  const at = ours.findIndex((line, index) => line !== peer[index]);
  const excerpt = (lines: readonly string[]) => lines.slice(Math.max(0, at - 3), at + 4).join("\n");
  return new Error(
    `${question.title}: the answers differ for ${JSON.stringify(variables)}\nours\n${excerpt(ours)}\npeer\n${excerpt(peer)}`,
  );
}
