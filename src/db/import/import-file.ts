/** The file that is imported, on the disk: opened, or named with what is wrong with it. */
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

/** Bytes read at once. */
const READ_BYTES = 262_144;

/** @throws {NotFoundError} or {BadInputError} when there is no such file, or it is none that can be read. */
export async function openImportFile(path: string): Promise<ImportFile> {
  const found = await stat(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR")
      throw new NotFoundError(`There is no file ${path}`);
    throw new BadInputError(`Cannot read ${path} (${errorCode(error) ?? "unknown reason"})`);
  });
  if (found.isDirectory()) throw new BadInputError(`${path} is a folder: name the CSV file in it`);
  return { source: readFile(path), totalBytes: found.size, fileName: basename(path) };
}

async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: READ_BYTES });
  } catch (error) {
    throw new BadInputError(`Cannot read ${path} (${errorCode(error) ?? "unknown reason"})`);
  }
}
