/**
 * COPY ... FROM STDIN on one connection, up to the server's own answer.
 *
 * The driver settles a COPY twice: with the stream, and with the server's answer. A caller that awaits it sees the first
 * only. Version 3.4.9 also drops the stream after the last byte, so a later error of the server is lost and the stream
 * never ends.
 */
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { PendingQuery, Row } from "postgres";

/** How the driver settles a query. */
interface Settlers {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/**
 * Sends `chunks` to a COPY query that has not been sent yet. Resolves when the server has stored them all; rejects with the
 * server's error, or with that of the connection. When `chunks` throws, the COPY is aborted, and the server answers with an
 * error.
 */
export async function copyIn(query: PendingQuery<Row[]>, chunks: AsyncIterable<string>): Promise<void> {
  const opened = Promise.withResolvers<Writable>();
  const answered = Promise.withResolvers<void>();
  const settlers: Settlers = {
    resolve: (result) => (result instanceof Writable ? opened.resolve(result) : answered.resolve()),
    reject: answered.reject,
  };
  Object.assign(query, settlers);
  query.simple().execute();
  const stream = await Promise.race([opened.promise, answered.promise]);
  // The server's answer reports the same failure.
  if (stream) pipeline(chunks, stream).catch(() => undefined);
  return answered.promise;
}
