/**
 * COPY ... FROM STDIN on one connection, up to the server's own answer.
 *
 * The driver settles a COPY twice: with the stream, and with what the server answers. Only the first reaches who awaits it,
 * and 3.4.9 lets go of the stream with the last byte: after that a refusal reaches nobody, and the stream never ends.
 */
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { PendingQuery, Row } from "postgres";

/** How the driver settles a query. */
interface Settled {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/**
 * Sends `chunks` to a COPY that was not asked yet. Resolves when the server has taken them all; rejects with its error, or
 * with that of the connection. When `chunks` throws, the COPY is called off, and the server answers that with an error.
 */
export async function copyIn(query: PendingQuery<Row[]>, chunks: AsyncIterable<string>): Promise<void> {
  const opened = Promise.withResolvers<Writable>();
  const answered = Promise.withResolvers<void>();
  const settled: Settled = {
    resolve: (result) => (result instanceof Writable ? opened.resolve(result) : answered.resolve()),
    reject: answered.reject,
  };
  Object.assign(query, settled);
  query.simple().execute();
  const stream = await Promise.race([opened.promise, answered.promise]);
  // What it fails with, the answer says as well.
  if (stream) pipeline(chunks, stream).catch(() => undefined);
  return answered.promise;
}
