/**
 * Measures two workloads in alternating rounds (A B B A), so that other load on the machine affects both equally.
 */
import { rounded, type Summary, summarise } from "../report.ts";
import { cpuOfTrees } from "../stream/process-tree.ts";
import { type Body, type Client, CONNECTIONS, type Measured } from "./load.ts";
import type { Subject } from "./subject.ts";

export interface Workload {
  readonly name: string;
  readonly subject: Pick<Subject, "usage">;
  readonly client: Client;
  readonly bodies: readonly Body[];
}

export interface Pace {
  /** Duration of one round. */
  readonly seconds: number;
  /** Number of A B B A sequences. */
  readonly turns: number;
  readonly connections?: number;
  /** For measuring the database's CPU time. */
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

/** @returns the figures of the workloads, in the same order. */
export async function measureAlternating(workloads: readonly Workload[], pace: Pace): Promise<Figures[]> {
  for (const workload of workloads) await measureRound(workload, pace);
  const measured = new Map<string, [Round, Measured][]>();
  for (let turn = 0; turn < pace.turns; turn++) {
    for (const workload of [...workloads, ...workloads.toReversed()]) {
      const rounds = measured.get(workload.name) ?? [];
      rounds.push(await measureRound(workload, pace));
      measured.set(workload.name, rounds);
    }
  }
  return workloads.map(({ name }) => toFigures(measured.get(name) ?? []));
}

async function measureRound(workload: Workload, pace: Pace): Promise<[Round, Measured]> {
  const { name, subject, client, bodies } = workload;
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
