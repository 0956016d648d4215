/** The four questions, side by side with the peer: answers checked equal first, statements counted, then timed in turn. */
import { isDeepStrictEqual } from "node:util";
import { type Client, createClient, toBody } from "./load.ts";
import { toPlain } from "./normalize.ts";
import { QUESTIONS, type Question, type QuestionName, type Variables } from "./questions.ts";
import { type Figures, hundredths, measureInTurn, type Pace } from "./rounds.ts";
import { type Dialect, LABELS, type Subject } from "./subject.ts";

export interface Comparison {
  readonly title: string;
  /** With how many sets of variables; each was answered alike by both. */
  readonly variableSets: number;
  /** Rows of the longest list in an answer, on average. */
  readonly answerBytes: Readonly<Record<Dialect, number>>;
  readonly statementsPerRequest: Readonly<Record<Dialect, number>>;
  readonly ours: Figures;
  readonly peer: Figures;
  /** Ours divided by the peer's. */
  readonly ratio: { readonly requestsPerSecond: number; readonly p95: number; readonly serverCpu: number };
}

export type Contestants = Readonly<Record<Dialect, { readonly subject: Subject; readonly client: Client }>>;

export function enter(subjects: Readonly<Record<Dialect, Subject>>): Contestants {
  return {
    ours: { subject: subjects.ours, client: createClient(subjects.ours) },
    peer: { subject: subjects.peer, client: createClient(subjects.peer) },
  };
}

/** @throws where the answers differ. */
export async function compareOn(
  contestants: Contestants,
  drawn: Readonly<Record<QuestionName, readonly Variables[]>>,
  pace: Pace,
  log: (line: string) => void,
): Promise<Partial<Record<QuestionName, Comparison>>> {
  const comparisons: Partial<Record<QuestionName, Comparison>> = {};
  for (const question of QUESTIONS) {
    const sets = drawn[question.name];
    const checked = await checkEqual(contestants, question, sets);
    log(`${question.title}: ${sets.length} answers are equal, ${checked.answerBytes.ours} bytes on average`);
    comparisons[question.name] = { ...checked, ...(await timeInTurn(contestants, question, sets, pace)) };
  }
  return comparisons;
}

async function checkEqual(contestants: Contestants, question: Question, sets: readonly Variables[]) {
  const before = { ours: await contestants.ours.subject.usage(), peer: await contestants.peer.subject.usage() };
  const bytes = { ours: 0, peer: 0 };
  for (const variables of sets) {
    const answers = { ours: {}, peer: {} };
    for (const dialect of ["ours", "peer"] as const) {
      const { data } = await contestants[dialect].client.ask(toBody(question.queries[dialect], variables[dialect]));
      bytes[dialect] += JSON.stringify(data).length;
      answers[dialect] = { plain: toPlain(data) };
    }
    if (!isDeepStrictEqual(answers.ours, answers.peer)) throw differ(question, variables, answers);
  }
  const perRequest = async (dialect: Dialect) =>
    hundredths(((await contestants[dialect].subject.usage()).statements - before[dialect].statements) / sets.length);
  return {
    title: question.title,
    variableSets: sets.length,
    answerBytes: { ours: Math.round(bytes.ours / sets.length), peer: Math.round(bytes.peer / sets.length) },
    statementsPerRequest: { ours: await perRequest("ours"), peer: await perRequest("peer") },
  };
}

async function timeInTurn({ ours, peer }: Contestants, question: Question, sets: readonly Variables[], pace: Pace) {
  const contender = (dialect: Dialect, { subject, client }: Contestants[Dialect]) => ({
    name: LABELS[dialect],
    subject,
    client,
    bodies: sets.map((variables) => toBody(question.queries[dialect], variables[dialect])),
  });
  const [mine, theirs] = await measureInTurn([contender("ours", ours), contender("peer", peer)], pace);
  if (!mine || !theirs) throw new Error("two contenders have two figures");
  if (mine.failed + theirs.failed > 0)
    throw new Error(`${question.title}: ${mine.failed + theirs.failed} answers failed`);
  return {
    ours: mine,
    peer: theirs,
    ratio: {
      requestsPerSecond: hundredths(mine.requestsPerSecond / theirs.requestsPerSecond),
      p95: hundredths(mine.latencyMs.p95 / theirs.latencyMs.p95),
      serverCpu: hundredths(mine.serverCpuMsPerRequest / theirs.serverCpuMsPerRequest),
    },
  };
}

function differ(question: Question, variables: Variables, answers: Readonly<Record<Dialect, object>>): Error {
  const [ours, peer] = [JSON.stringify(answers.ours, null, 1), JSON.stringify(answers.peer, null, 1)];
  const theirs = peer.split("\n");
  const lines = ours.split("\n");
  const at = lines.findIndex((line, index) => line !== theirs[index]);
  const around = (all: readonly string[]) => all.slice(Math.max(0, at - 3), at + 4).join("\n");
  return new Error(
    `${question.title}: the answers differ for ${JSON.stringify(variables)}\nours\n${around(lines)}\npeer\n${around(theirs)}`,
  );
}
