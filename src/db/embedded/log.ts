/** Finds in the output of PostgreSQL's programs the one line that tells the cause of a failure. */
import { createReadStream } from "node:fs";
import { errorCode } from "../error-code.ts";

/** The operating system's messages, in English, the server's language. */
const NO_SPACE = /No space left on device|Disk quota exceeded|\b(ENOSPC|EDQUOT)\b/;
const NAMES_AN_ERROR = /\b(FATAL|PANIC|ERROR|error)\b/;
/** How the server marks the process that wrote a line: "... UTC [4711] FATAL:  ...". */
const HAS_PROCESS_ID = /\[\d+\] [A-Z]+:/;

export function mentionsFullDisk(text: string): boolean {
  return NO_SPACE.test(text);
}

/** The last line about a full disk, which causes all other errors; else the last line with an error; else the last line. */
export function findErrorLine(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const line = lines.findLast(mentionsFullDisk) ?? lines.findLast((each) => NAMES_AN_ERROR.test(each)) ?? lines.at(-1);
  return (line ?? "").trim();
}

/**
 * Why process `pid` ended, as one line of the log after byte `start`. Several processes write the same log. The process's own
 * errors come first, including those without a process id from before it read its log settings.
 */
export async function readFailureReason(
  logFile: string,
  { pid, start }: { pid: number; start: number },
): Promise<string> {
  const text = await readLogSince(logFile, start);
  const isOwn = (line: string) => line.includes(`[${pid}] `) || !HAS_PROCESS_ID.test(line);
  const own = findErrorLine(text.split("\n").filter(isOwn).join("\n"));
  return NAMES_AN_ERROR.test(own) ? own : findErrorLine(text);
}

/** The log after byte `start`; empty when there is no log. */
export async function readLogSince(logFile: string, start: number): Promise<string> {
  const chunks: string[] = [];
  try {
    for await (const chunk of createReadStream(logFile, { start, encoding: "utf8" })) chunks.push(String(chunk));
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  return chunks.join("");
}
