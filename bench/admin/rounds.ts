/**
 * Rounds in turn: two subjects, or two questions to one, are asked A B B A, so that what the machine does meanwhile falls on
 * both alike.
 */
import { rounded, type Summary, summarise } from "../report.ts";
import { cpuOfTrees } from "../stream/process-tree.ts";
import { type Body, type Client, CONNECTIONS, type Measured } from "./load.ts";
import type { Subject } from "./subject.ts";

export interface Contender {
  readonly name: string;
  readonly subject: Pick<Subject, "usage">;
  readonly client: Client;
  readonly bodies: readonly Body[];
}

export interface Pace {
  /** Of one round. */
  readonly seconds: number;
  /** How often A B B A. */
  readonly turns: number;
  readonly connections?: number;
  /** What the database costs is told as well. */
  readonly postmasterPid: number;
}

export interface Round {
  readonly name: string;
  readonly requests: number;
  readonly failed: number;
  readonly seconds: number;
  readonly latencyMs: Summary;
  readonly serverCpuMs: number;
  readonly databaseCpuMs: number;
}

export interface Figures {
  readonly requestsPerSecond: number;
  readonly latencyMs: Summary;
  readonly failed: number;
  readonly serverCpuMsPerRequest: number;
  readonly databaseCpuMsPerRequest: number;
  readonly rounds: readonly Round[];
}

/** @returns the figures of each contender, in their order. */
export async function measureInTurn(contenders: readonly Contender[], pace: Pace): Promise<Figures[]> {
  for (const contender of contenders) await measureRound(contender, pace);
  const measured = new Map<string, [Round, Measured][]>();
  for (let turn = 0; turn < pace.turns; turn++) {
    for (const contender of [...contenders, ...contenders.toReversed()]) {
      const rounds = measured.get(contender.name) ?? [];
      rounds.push(await measureRound(contender, pace));
      measured.set(contender.name, rounds);
    }
  }
  return contenders.map(({ name }) => toFigures(measured.get(name) ?? []));
}

async function measureRound(contender: Contender, pace: Pace): Promise<[Round, Measured]> {
  const { name, subject, client, bodies } = contender;
  const { connections = CONNECTIONS, seconds, postmasterPid } = pace;
  const before = { server: await subject.usage(), databaseCpuMs: cpuOfTrees([postmasterPid]) };
  const measured = await client.load(bodies, { connections, seconds });
  const round: Round = {
    name,
    requests: measured.requests,
    failed: measured.failed,
    seconds: rounded(measured.seconds),
    latencyMs: summarise(measured.latenciesMs),
    serverCpuMs: Math.round((await subject.usage()).cpuMs - before.server.cpuMs),
    databaseCpuMs: Math.round(cpuOfTrees([postmasterPid]) - before.databaseCpuMs),
  };
  return [round, measured];
}

function toFigures(measured: readonly (readonly [Round, Measured])[]): Figures {
  const sum = (of: (round: Round, measured: Measured) => number) =>
    measured.reduce((total, [round, raw]) => total + of(round, raw), 0);
  const requests = sum((round) => round.requests);
  return {
    requestsPerSecond: rounded(requests / sum((_, raw) => raw.seconds)),
    latencyMs: summarise(measured.flatMap(([, raw]) => raw.latenciesMs)),
    failed: sum((round) => round.failed),
    serverCpuMsPerRequest: hundredths(sum((round) => round.serverCpuMs) / requests),
    databaseCpuMsPerRequest: hundredths(sum((round) => round.databaseCpuMs) / requests),
    rounds: measured.map(([round]) => round),
  };
}

export function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
