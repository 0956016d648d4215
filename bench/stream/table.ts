/** The results as Markdown: a table of the cases with their targets, and a table of many concurrent chats. */
import type { StreamResults, SubjectResults } from "./results.ts";
import { SUBJECTS } from "./subject.ts";
import { CASE_ROWS, type Row } from "./table-rows.ts";

/** The contents of `bench/results/stream.md`. */
export function writeTable(results: StreamResults): string {
  const subjects = SUBJECTS.filter(({ name }) => results[name]);
  const columns = subjects.map(({ name }) => results[name] ?? {});
  const labels = subjects.map(({ label }) => label);
  return [
    "# Reply streams, measured",
    "",
    "Written by `npm run bench -- stream`; the raw figures are in `stream.json`. 600 tokens at 60 per second, 80 ms round trip",
    "to the Telegram stand-in, with Telegram's limits (private chat 1/s with a burst of 3, group 20 in any minute, 30/s over",
    "all chats). Staleness is the time from sending a token at the model to the accepted write that shows it.",
    "",
    ...lines(
      ["", "target", ...labels],
      CASE_ROWS.map((row) => [row.title, row.target, ...cells(row, columns)]),
    ),
    "",
    "## Many chats at once, no limits",
    "",
    "CPU time is user and system time of the process tree (ours includes the embedded PostgreSQL) per streamed token. Memory is",
    "the Node process's peak above its idle state, per concurrent stream. All questions are sent at once; staleness does not",
    "include the wait before a late answer starts.",
    "",
    ...lines(["chats", ...labels], manyRows(columns)),
    "",
    ...NOTES,
    "",
  ].join("\n");
}

const NOTES = [
  "Notes: `@grammyjs/stream` shows drafts. They count like other writes, because Telegram's documentation does not exempt them.",
  "It runs with `@grammyjs/runner`: `bot.start()` would answer one chat after the other. Chat SDK runs in its default",
  'post-and-edit mode with `concurrency: "queue"`; by default a second message is dropped. A word that is split between two',
  "messages counts as lost. A call during a freeze extends the freeze by a second. Calls to a lost chat do not count against",
  "its limits, so repeated calls are not slowed down there.",
];

function cells(row: Row, columns: readonly SubjectResults[]): string[] {
  return columns.map((column) => row.cell(column) ?? "-");
}

function manyRows(columns: readonly SubjectResults[]): string[][] {
  const numbers = [...new Set(columns.flatMap(({ many = [] }) => many.map(({ chats }) => chats)))];
  return numbers.map((chats) => [
    String(chats),
    ...columns.map(({ many = [] }) => {
      const result = many.find((each) => each.chats === chats);
      if (!result) return "-";
      const { cpuPerTokenUs, meanStalenessMs, memoryPerStreamKiB, mostOpenStreams, lastAskedMs, incomplete } = result;
      const missing = incomplete > 0 ? `, **${incomplete} replies incomplete**` : "";
      return `${Math.round(cpuPerTokenUs)} us per token, ${Math.round(meanStalenessMs)} ms, ${Math.round(memoryPerStreamKiB)} KiB per stream (${mostOpenStreams} open), last started after ${(lastAskedMs / 1_000).toFixed(1)} s${missing}`;
    }),
  ]);
}

function lines(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
