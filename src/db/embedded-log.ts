/** What PostgreSQL's programs wrote, brought down to the one line that tells why. */
import { createReadStream } from "node:fs";

const NAMES_AN_ERROR = /\b(FATAL|PANIC|ERROR|error)\b/;
/** How the server marks the process that wrote a line: "... UTC [4711] FATAL:  ...". */
const OF_A_PROCESS = /\[\d+\] [A-Z]+:/;

/** The last line that names an error, else the last line; empty for an empty text. */
export function mostTellingLine(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return (lines.findLast((line) => NAMES_AN_ERROR.test(line)) ?? lines.at(-1) ?? "").trim();
}

/**
 * Why process `pid` ended, in one line of what was logged since byte `start`. Several processes write the same log: its own
 * errors count first, and those that it wrote before it knew its log's form.
 */
export async function readFailure(logFile: string, { pid, start }: { pid: number; start: number }): Promise<string> {
  const chunks: string[] = [];
  for await (const chunk of createReadStream(logFile, { start, encoding: "utf8" })) chunks.push(String(chunk));
  const text = chunks.join("");
  const isItsOwn = (line: string) => line.includes(`[${pid}] `) || !OF_A_PROCESS.test(line);
  const own = mostTellingLine(text.split("\n").filter(isItsOwn).join("\n"));
  return NAMES_AN_ERROR.test(own) ? own : mostTellingLine(text);
}
