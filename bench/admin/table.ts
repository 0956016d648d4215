/** The results as tables, for the terminal and for `bench/results/admin.md`. */
import { writeFileSync } from "node:fs";
import { resultFacts, resultFile } from "../report.ts";
import type { Comparison } from "./compare.ts";
import type { Depth } from "./depth.ts";
import type { Growth } from "./growth.ts";
import type { QuestionName } from "./questions.ts";
import type { Figures } from "./rounds.ts";
import type { Search } from "./search.ts";
import type { Size } from "./sizes.ts";
import { LABELS } from "./subject.ts";

export interface AdminResults {
  readonly questions?: Partial<Record<QuestionName, Comparison>>;
  readonly depth?: Record<string, Depth>;
  readonly search?: Search;
  readonly growth?: Record<string, Growth>;
}

type Cells = Readonly<Record<string, string | number>>;

interface Table {
  readonly title: string;
  readonly rows: readonly Cells[];
}

export function printTables(results: AdminResults): void {
  for (const { title, rows } of tablesOf(results)) {
    console.log(`\n${title}`);
    console.table(rows);
  }
}

/** `bench/results/admin.md` */
export function saveTable(size: Size, results: AdminResults): void {
  const { commit, date, machine } = resultFacts();
  const count = (number: number) => number.toLocaleString("en-US");
  const head = [
    "# The admin API compared with PostGraphile 5.1",
    "",
    `\`npm run bench -- admin\` at commit ${commit}, ${date.slice(0, 10)}, on ${machine.cores} cores of ${machine.cpu}, Node ${machine.node}.`,
    `${count(size.threads)} threads, ${count(size.messages)} messages, ${count(size.runs)} runs, ${count(size.toolCalls)} tool calls;`,
    "8 connections, alternating rounds (A B B A). Each server is a separate process with 8 connections to the same PostgreSQL. Ours has",
    "authentication, limits, masked errors and the log. All answers were compared and found equal before the measurement.",
  ];
  const tables = tablesOf(results).flatMap(({ title, rows }) => ["", `## ${title}`, "", ...toMarkdown(rows)]);
  writeFileSync(resultFile("admin.md"), `${[...head, ...tables].join("\n")}\n`);
  console.log("bench/results/admin.md");
}

function tablesOf({ questions, depth, search, growth }: AdminResults): Table[] {
  return [
    ...(questions ? [{ title: "The four questions", rows: Object.values(questions).flatMap(questionRows) }] : []),
    ...(depth ? [{ title: "The first page and a deep page", rows: Object.entries(depth).map(depthRow) }] : []),
    ...(search ? [{ title: "Searching messages for words", rows: searchRows(search) }] : []),
    ...(growth
      ? [{ title: "A large database compared with 100,000 messages", rows: Object.entries(growth).map(growthRow) }]
      : []),
  ];
}

function questionRows(comparison: Comparison): Cells[] {
  const { title, ours, peer, ratio, statementsPerRequest } = comparison;
  const row = (label: string, figures: Figures, statements: number) => ({
    question: title,
    "": label,
    "requests/s": figures.requestsPerSecond,
    "p50 ms": figures.latencyMs.p50,
    "p95 ms": figures.latencyMs.p95,
    "server CPU ms": figures.serverCpuMsPerRequest,
    "database CPU ms": figures.databaseCpuMsPerRequest,
    statements,
  });
  return [
    row(LABELS.ours, ours, statementsPerRequest.ours),
    row(LABELS.peer, peer, statementsPerRequest.peer),
    {
      question: title,
      "": "ours / theirs",
      "requests/s": ratio.requestsPerSecond,
      "p50 ms": "",
      "p95 ms": ratio.p95,
      "server CPU ms": ratio.serverCpu,
      "database CPU ms": "",
      statements: "",
    },
  ];
}

function depthRow([list, { page, first, deep, ratio }]: [string, Depth]): Cells {
  return {
    list,
    "page 1, p50 ms": first.latencyMs.p50,
    "deep page": page,
    "p50 ms": deep.latencyMs.p50,
    "ratio of p50": ratio.p50,
    "ratio of server CPU": ratio.serverCpu,
  };
}

function searchRows({ kinds, alone, together }: Search): Cells[] {
  const all = { ...kinds, "all, one at a time": alone, "all, eight at a time": together };
  return Object.entries(all).map(([words, { requestsPerSecond, latencyMs, failed }]) => ({
    words,
    "requests/s": requestsPerSecond,
    "p50 ms": latencyMs.p50,
    "p95 ms": latencyMs.p95,
    "slowest ms": latencyMs.max,
    failed,
  }));
}

function growthRow([page, { few, many, ratio }]: [string, Growth]): Cells {
  return {
    page,
    "100,000 messages, p50 ms": few.latencyMs.p50,
    "large, p50 ms": many.latencyMs.p50,
    "ratio of p50": ratio.p50,
    "ratio of server CPU": ratio.serverCpu,
  };
}

function toMarkdown(rows: readonly Cells[]): string[] {
  const names = Object.keys(rows[0] ?? {});
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(names), line(names.map(() => "---")), ...rows.map((row) => line(names.map((name) => row[name] ?? "")))];
}
