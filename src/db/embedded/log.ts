/** What PostgreSQL's programs wrote, brought down to the one line that tells why. */
import { createReadStream } from "node:fs";
import { errorCode } from "../error-code.ts";

/** As the system says it, in the English that the server runs with. */
const NO_SPACE = /No space left on device|Disk quota exceeded|\b(ENOSPC|EDQUOT)\b/;
const NAMES_AN_ERROR = /\b(FATAL|PANIC|ERROR|error)\b/;
/** How the server marks the process that wrote a line: "... UTC [4711] FATAL:  ...". */
const OF_A_PROCESS = /\[\d+\] [A-Z]+:/;

/** Whether a text of PostgreSQL's or of the system's says that a disk is full. */
export function mentionsFullDisk(text: string): boolean {
  return NO_SPACE.test(text);
}

/** The last line that tells of a full disk, which is at the root of all others, else the last that names an error, else the last. */
export function findErrorLine(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const telling = lines.findLast(mentionsFullDisk) ?? lines.findLast((line) => NAMES_AN_ERROR.test(line));
  return (telling ?? lines.at(-1) ?? "").trim();
}

/**
 * Why process `pid` ended, in one line of what was logged since byte `start`. Several processes write the same log: its own
 * errors count first, and those that it wrote before it knew its log's form.
 */
export async function readFailure(logFile: string, { pid, start }: { pid: number; start: number }): Promise<string> {
  const text = await readLogSince(logFile, start);
  const isItsOwn = (line: string) => line.includes(`[${pid}] `) || !OF_A_PROCESS.test(line);
  const own = findErrorLine(text.split("\n").filter(isItsOwn).join("\n"));
  return NAMES_AN_ERROR.test(own) ? own : findErrorLine(text);
}

/** What was logged since byte `start`; empty when there is no log. */
export async function readLogSince(logFile: string, start: number): Promise<string> {
  const chunks: string[] = [];
  try {
    for await (const chunk of createReadStream(logFile, { start, encoding: "utf8" })) chunks.push(String(chunk));
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  return chunks.join("");
}
