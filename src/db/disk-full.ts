/**
 * Detects that the disk of the embedded server is full, and says so in one sentence.
 *
 * A server that cannot write its write-ahead log does not answer that its disk is full. It shuts down, and the client sees a
 * lost connection. The server's log or the free space tells the cause.
 */
import { statfs } from "node:fs/promises";
import { StartupError } from "../errors.ts";
import { mentionsFullDisk, readLogSince } from "./embedded/log.ts";
import { isDatabaseUnavailable, isDiskFull } from "./error-code.ts";

/** The write-ahead log grows by segments of this size. With less space the server shuts down at its next segment. */
const WAL_SEGMENT_BYTES = 16 * 2 ** 20;

export interface ServerDisk {
  readonly dataDir: string;
  readonly logFile: string;
  /** The byte from which the log belongs to this process. */
  readonly logStart: number;
  /** How many bytes are free in a folder; asks the file system when left out. */
  readonly readFreeBytes?: (folder: string) => Promise<number>;
}

/** A StartupError that names the disk when `error` reports a full disk or was caused by one; otherwise `error`. */
export async function explainFullDisk(error: unknown, disk: ServerDisk): Promise<unknown> {
  const isFull = reportsFullDisk(error) || (isDatabaseUnavailable(error) && (await hasRunOutOfSpace(disk)));
  return isFull ? diskFullError(disk.dataDir, error) : error;
}

/** Whether the server logged that it has no space, or has too little for its next write. */
export async function hasRunOutOfSpace(disk: ServerDisk): Promise<boolean> {
  const { dataDir, logFile, logStart, readFreeBytes = freeBytesOf } = disk;
  if (mentionsFullDisk(await readLogSince(logFile, logStart))) return true;
  return (await readFreeBytes(dataDir)) < WAL_SEGMENT_BYTES;
}

export function diskFullError(dataDir: string, cause: unknown): StartupError {
  return new StartupError(
    `There is no space left in ${dataDir}: free some space on that disk, or set DATA_DIR to a folder on a larger disk.`,
    { cause },
  );
}

/** Also true for our own errors that quote the output of one of PostgreSQL's programs. */
function reportsFullDisk(error: unknown): boolean {
  return isDiskFull(error) || (error instanceof StartupError && mentionsFullDisk(error.message));
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
