/** The results as Markdown: one table of the cases against what must be, one of many chats at once. */
import type { StreamResults, SubjectResults } from "./results.ts";
import { SUBJECTS } from "./subject.ts";
import { CASE_ROWS, type Row } from "./table-rows.ts";

/** The document that `bench/results/stream.md` holds. */
export function writeTable(results: StreamResults): string {
  const subjects = SUBJECTS.filter(({ name }) => results[name]);
  const columns = subjects.map(({ name }) => results[name] ?? {});
  const labels = subjects.map(({ label }) => label);
  return [
    "# Reply streams, measured",
    "",
    "Written by `npm run bench -- stream`; the raw figures are in `stream.json`. 600 tokens at 60 a second, 80 ms to",
    "Telegram's stand-in and back, Telegram's limits enforced (private 1/s with a burst of 3, group 20 in any minute, 30/s",
    "over all). Staleness is the time from a token leaving the model to an accepted write that shows it.",
    "",
    ...lines(
      ["", "must be", ...labels],
      CASE_ROWS.map((row) => [row.title, row.mustBe, ...cells(row, columns)]),
    ),
    "",
    "## Many chats at once, no limits",
    "",
    "User and system time of the whole process tree (ours: the embedded PostgreSQL as well) by streamed token; memory is",
    "the Node process's peak over its idle state, by streams open at once. All questions are sent at once: where the last",
    "one is begun late, staleness says nothing of that wait.",
    "",
    ...lines(["chats", ...labels], manyRows(columns)),
    "",
    ...NOTES,
    "",
  ].join("\n");
}

const NOTES = [
  "Notes: `@grammyjs/stream` shows drafts; they are counted like other writes, since nothing says that Telegram does not.",
  "It runs with `@grammyjs/runner`: `bot.start()` answers one chat after the other. Chat SDK runs in its default",
  'post-and-edit mode with `concurrency: "queue"`; with the default a second message is dropped. A word that is cut in two',
  "between two messages counts as lost. A call inside a window of 429 makes the window a second longer. Calls to a chat",
  "that is gone are not counted against its limits: who goes on calling is not slowed down there.",
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
      return `${Math.round(cpuPerTokenUs)} us a token, ${Math.round(meanStalenessMs)} ms, ${Math.round(memoryPerStreamKiB)} KiB a stream (${mostOpenStreams} open), last begun after ${(lastAskedMs / 1_000).toFixed(1)} s${missing}`;
    }),
  ]);
}

function lines(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
