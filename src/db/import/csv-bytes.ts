/**
 * The bytes of a CSV file: checks that they are UTF-8, hashes and counts them, and passes them on in blocks of whole lines.
 *
 * Knows nothing of cells. Keeps at most one block and one incomplete line in memory.
 */
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { BadInputError } from "../../errors.ts";
import type { FaultList } from "./import-error.ts";

const NEWLINE = 0x0a;

/** A longer line cannot be part of a table, and would only fill the memory. */
const MAX_LINE_BYTES = 1_048_576;

/** In this many bytes at the start a NUL means another encoding; later it means one bad cell. */
const SNIFFED_BYTES = 4_096;

const SAVE_AS_UTF8 = 'save it as "CSV UTF-8"';

export interface ByteReader {
  /** Blocks of whole lines; only the last may lack its line end. Adds a fault and ends at the first byte that is not UTF-8. */
  blocks(): AsyncGenerator<Buffer>;
  bytesRead(): number;
  /** SHA-256 in hex of all bytes read. Call it once, at the end. */
  fileHash(): string;
}

export function createByteReader(source: AsyncIterable<Uint8Array>, faults: FaultList): ByteReader {
  const hash = createHash("sha256");
  let bytesRead = 0;
  return {
    async *blocks() {
      let lines = 0;
      for await (const block of wholeLines(hashed())) {
        const fault = lines === 0 ? foreignFormat(block) : undefined;
        if (fault) return faults.add({ line: 1, column: "", reason: fault });
        if (!isUtf8(block)) return faults.add(notUtf8(block, lines));
        lines += countLines(block);
        yield block;
      }
    },
    bytesRead: () => bytesRead,
    fileHash: () => hash.digest("hex"),
  };

  async function* hashed() {
    for await (const chunk of source) {
      hash.update(chunk);
      bytesRead += chunk.byteLength;
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  }
}

async function* wholeLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) yield Buffer.concat([rest, chunk.subarray(0, end)]);
    rest = end > 0 ? Buffer.from(chunk.subarray(end)) : Buffer.concat([rest, chunk]);
    if (rest.length > MAX_LINE_BYTES)
      throw new BadInputError("The file has a line longer than 1 MB: it is not a CSV file");
  }
  if (rest.length > 0) yield rest;
}

/** What a file is that does not start as UTF-8 text, and what to do. */
function foreignFormat(start: Buffer): string | undefined {
  const head = start.subarray(0, SNIFFED_BYTES);
  if (head.subarray(0, 4).toString("latin1") === "PK\x03\x04") {
    return `this is an Excel or LibreOffice workbook, not a CSV file: open it and ${SAVE_AS_UTF8}`;
  }
  const mark = head.subarray(0, 2).toString("hex");
  if (mark === "fffe" || mark === "feff") return `the file is UTF-16 text: ${SAVE_AS_UTF8}`;
  if (head.includes(0)) return `the file is not UTF-8 text (perhaps UTF-16): ${SAVE_AS_UTF8}`;
  return undefined;
}

function notUtf8(block: Buffer, linesBefore: number) {
  let line = linesBefore;
  let start = 0;
  let end = 0;
  do {
    line += 1;
    end = block.indexOf(NEWLINE, start) + 1 || block.length;
    if (!isUtf8(block.subarray(start, end))) break;
    start = end;
  } while (start < block.length);
  return { line, column: "", reason: `the file is not UTF-8 text (perhaps Latin-1 or Windows): ${SAVE_AS_UTF8}` };
}

function countLines(block: Buffer): number {
  let count = 0;
  for (let at = block.indexOf(NEWLINE); at !== -1; at = block.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}
