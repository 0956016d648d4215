/**
 * The embedded server's disk without space: recognised, and named in one sentence.
 *
 * A server that cannot write its log of changes does not answer that its disk is full: it ends, and who asked sees a lost
 * connection. What it wrote before, or how much space there is, says why.
 */
import { statfs } from "node:fs/promises";
import { StartupError } from "../errors.ts";
import { readLogSince, tellsOfNoSpace } from "./embedded/log.ts";
import { isDatabaseAway, isDiskFull } from "./error-code.ts";

/** The write-ahead log grows by as much at once: with less, the server ends at its next one. */
const LOG_SEGMENT_BYTES = 16 * 2 ** 20;

export interface ServerDisk {
  readonly dataDir: string;
  readonly logFile: string;
  /** From which byte on the log is ours to look at. */
  readonly logStart: number;
  /** How many bytes may still be written in a folder; the file system is asked when left out. */
  readonly readFreeBytes?: (folder: string) => Promise<number>;
}

/** A StartupError that names the disk when `error` says that it is full, or may come from that and it is; else `error`. */
export async function explainFullDisk(error: unknown, disk: ServerDisk): Promise<unknown> {
  const isFull = saysFull(error) || (isDatabaseAway(error) && (await hasRunOutOfSpace(disk)));
  return isFull ? diskFull(disk.dataDir, error) : error;
}

/** Whether the server wrote that it has no space, or will have none for its next write. */
export async function hasRunOutOfSpace(disk: ServerDisk): Promise<boolean> {
  const { dataDir, logFile, logStart, readFreeBytes = freeBytesOf } = disk;
  if (tellsOfNoSpace(await readLogSince(logFile, logStart))) return true;
  return (await readFreeBytes(dataDir)) < LOG_SEGMENT_BYTES;
}

export function diskFull(dataDir: string, cause: unknown): StartupError {
  return new StartupError(
    `There is no space left in ${dataDir}: make room on that disk, or set DATA_DIR to a folder on a larger one.`,
    { cause },
  );
}

/** Also an error of ours that quotes what one of PostgreSQL's programs wrote. */
function saysFull(error: unknown): boolean {
  return isDiskFull(error) || (error instanceof StartupError && tellsOfNoSpace(error.message));
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
