/** Opens the file to import from the disk, or says what is wrong with it. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { BadInputError, NotFoundError } from "../../errors.ts";
import { errorCode } from "../error-code.ts";

export interface ImportFile {
  source: AsyncIterable<Uint8Array>;
  totalBytes: number;
  fileName: string;
}

/** Size of one read, in bytes. */
const READ_BYTES = 262_144;

/** @throws {NotFoundError} when there is no such file, {BadInputError} when it cannot be read. */
export async function openImportFile(path: string): Promise<ImportFile> {
  const found = await stat(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR")
      throw new NotFoundError(`File not found: ${path}`);
    throw new BadInputError(`Cannot read ${path} (${errorCode(error) ?? "unknown reason"})`);
  });
  if (found.isDirectory()) throw new BadInputError(`${path} is a folder: give the path of a CSV file`);
  return { source: readFile(path), totalBytes: found.size, fileName: basename(path) };
}

async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: READ_BYTES });
  } catch (error) {
    throw new BadInputError(`Cannot read ${path} (${errorCode(error) ?? "unknown reason"})`);
  }
}
