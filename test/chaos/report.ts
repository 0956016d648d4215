/** The result of a chaos run in figures: for `bench/results/`, for the terminal, and for the message of a failed test. */
import { type Audit, audit } from "./audit.ts";
import { indexRecording } from "./indexed-recording.ts";
import type { Plan } from "./plan.ts";
import type { Recording } from "./recording.ts";
import { describeTimeline } from "./timeline.ts";

export interface Report {
  readonly seed: string;
  readonly intake: Plan["options"]["intake"];
  readonly messages: number;
  readonly kills: number;
  readonly freezes: number;
  /** Links that were reset, refused, blocked or slow. */
  readonly cuts: number;
  readonly terminations: number;
  /** Terminations with a second signal. */
  readonly secondSignals: number;
  readonly backendsEnded: number;
  readonly serverCrashes: number;
  readonly telegramFaults: number;
  readonly modelFaults: number;
  /** For runs whose process was killed while another process was up and undisturbed. */
  readonly takeovers: Percentiles;
  /** For all runs whose process was killed, even if no other process was up. */
  readonly allTakeovers: Percentiles;
  readonly lost: number;
  readonly duplicates: number;
  readonly violations: Readonly<Record<string, number>>;
  readonly outcomes: Audit["outcomes"];
  readonly repeatedClaims: number;
  readonly refused429: number;
  readonly unawareInWindow: number;
  readonly repeatedModelRequests: number;
  readonly telegramCalls: number;
  readonly durationSeconds: number;
}

interface Percentiles {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

/** `text` lists all violations, with a timeline for the first ones of each check. */
export function reportOn(plan: Plan, recording: Recording, durationMs: number): { report: Report; text: string } {
  const audited = audit(recording);
  const { disturbances } = recording;
  const count = (...kinds: string[]) => disturbances.filter(({ kind }) => kinds.includes(kind)).length;
  const { violations, takeovers, ...counts } = audited;
  const report: Report = {
    seed: plan.options.seed,
    intake: plan.options.intake,
    messages: recording.questions.length,
    kills: count("kill"),
    freezes: count("freeze"),
    cuts: count("cut", "refuse", "blackhole", "delay"),
    terminations: count("terminate"),
    secondSignals: count("second-signal"),
    backendsEnded: count("backends"),
    serverCrashes: plan.faults.filter(({ fault }) => fault.kind === "server-crash").length,
    telegramFaults: plan.faults.filter(({ fault }) => fault.kind === "telegram").length,
    modelFaults: recording.modelRequests.filter(({ fault }) => fault !== null).length,
    takeovers: percentiles(takeovers.filter(({ hadPeer }) => hadPeer).map(({ ms }) => ms)),
    allTakeovers: percentiles(takeovers.map(({ ms }) => ms)),
    ...counts,
    violations: Object.fromEntries(
      [...Map.groupBy(violations, ({ check }) => check)].map(([check, found]) => [check, found.length]),
    ),
    telegramCalls: recording.telegramCalls.length,
    durationSeconds: Math.round(durationMs / 1_000),
  };
  return { report, text: describeViolations(audited, recording) };
}

/** The report as a Markdown table. */
export function toMarkdown(report: Report, facts: Readonly<Record<string, string>>): string {
  const rows = Object.entries({ ...facts, ...report }).map(([name, value]) => `| ${name} | ${cell(value)} |`);
  return ["# Chaos", "", "| | |", "|---|---|", ...rows, ""].join("\n");
}

function cell(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const parts = Object.entries(value).map(([name, each]) => `${name} ${each}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}

/** Percentiles by the nearest-rank method. */
function percentiles(samples: readonly number[]): Percentiles {
  const sorted = samples.toSorted((one, other) => one - other);
  const at = (share: number) => {
    const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
    return value === undefined ? null : Math.round(value);
  };
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

const EXAMPLES_PER_CHECK = 3;
/** A violation may name a second question. */
const QUESTIONS_PER_VIOLATION = 2;

function describeViolations({ violations }: Audit, recording: Recording): string {
  const indexed = indexRecording(recording);
  const lines: string[] = [];
  for (const [check, found] of Map.groupBy(violations, (violation) => violation.check)) {
    lines.push(`${check}: ${found.length}`);
    for (const [index, { subject, detail }] of found.entries()) {
      lines.push(`  ${subject}: ${detail}`);
      if (index >= EXAMPLES_PER_CHECK) continue;
      for (const questionId of questionsIn(`${subject} ${detail}`)) {
        lines.push(`    q${questionId}:`, ...describeTimeline(indexed, questionId).map((line) => `      ${line}`));
      }
    }
  }
  return lines.join("\n");
}

function questionsIn(text: string): number[] {
  const named = [...text.matchAll(/\bq(\d+)\b/g)].map((match) => Number(match[1]));
  return [...new Set(named)].slice(0, QUESTIONS_PER_VIOLATION);
}
