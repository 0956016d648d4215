/**
 * Subscriptions as server-sent events, by the "distinct connections" mode of the graphql-sse protocol: one `next` per result,
 * then `complete`, and a comment from time to time as a keep-alive.
 *
 * It replaces Yoga's own SSE, which serializes an event for each subscriber and writes it in two pieces. Here a result is
 * serialized once for all subscribers, and results that are ready together go out in one write. A client that does not read
 * causes no reading: its events wait in its bounded queue. It does not know what is subscribed to.
 */
import { Readable } from "node:stream";
import { type ExecutionResult, GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";
import { errorResponse } from "../error-response.ts";

/** Pause between two keep-alives, in milliseconds. Proxies close connections that are silent for 15 s or more. */
export const PING_INTERVAL_MS = 12_000;

/** Results in one write. */
const MAX_BATCH = 64;

const PING = Buffer.from(":\n\n");
const COMPLETE = Buffer.from("event: complete\ndata:\n\n");
const HEADERS = {
  "Content-Type": "text/event-stream",
  Connection: "keep-alive",
  // A proxy that compresses holds events back. Some of them heed the first of these two headers, some the second.
  "Cache-Control": "no-cache, no-transform",
  "Content-Encoding": "none",
  // nginx collects an answer in its buffers, unless the answer says so.
  "X-Accel-Buffering": "no",
};

/** Answers subscriptions with an event stream, and leaves other operations to Yoga. `pingIntervalMs`: `PING_INTERVAL_MS` by default. */
export function streamEvents(pingIntervalMs = PING_INTERVAL_MS): Plugin {
  return {
    async onResultProcess({ request, result, resultProcessor, setResultProcessor }) {
      if (!isAsyncIterable(result)) return;
      const results = result[Symbol.asyncIterator]();
      // No processor: the client does not accept events. The subscription exists by now; end it.
      if (!resultProcessor) {
        await results.return?.();
        return setResultProcessor((_, fetchApi) => errorResponse(notAccepted(), request, fetchApi), "application/json");
      }
      setResultProcessor((_, { Response }) => {
        const stream = createEventStream(results, pingIntervalMs);
        destroyOnAbort(request.signal, stream);
        // Yoga's own `Response` accepts a Node stream, but its type does not say so.
        return new Response(stream as unknown as ReadableStream, { headers: HEADERS });
      }, "text/event-stream");
    },
  };
}

function notAccepted(): GraphQLError {
  return new GraphQLError(
    "Subscriptions come as server-sent events (SSE): send the header 'Accept: text/event-stream'",
    {
      extensions: { code: "NOT_ACCEPTABLE", http: { status: 406 } },
    },
  );
}

/** Yoga neither reads nor destroys the stream of a client that disconnects before its first byte. */
function destroyOnAbort(signal: AbortSignal, stream: Readable): void {
  const destroy = () => void stream.destroy();
  signal.addEventListener("abort", destroy, { once: true });
  if (signal.aborted) destroy();
  stream.once("close", () => signal.removeEventListener("abort", destroy));
}

/** The bytes for one client. Destroying the stream calls `results.return()`. */
export function createEventStream(results: AsyncIterator<ExecutionResult>, pingIntervalMs: number): Readable {
  return new EventStream(results, pingIntervalMs);
}

class EventStream extends Readable {
  readonly #results: AsyncIterator<ExecutionResult>;
  readonly #pings: NodeJS.Timeout;
  /** Bytes for the next write. */
  #batch: Buffer[] = [];
  #isReading = false;
  /** The stream's buffer is full: wait for `_read`. */
  #isFull = false;
  #isDone = false;

  constructor(results: AsyncIterator<ExecutionResult>, pingIntervalMs: number) {
    super();
    this.#results = results;
    this.#pings = setInterval(() => this.#ping(), pingIntervalMs);
    // Some browsers regard a response as started only when its first byte has arrived.
    this.push(PING);
  }

  override _read(): void {
    this.#isFull = false;
    this.#readNext();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearInterval(this.#pings);
    this.#batch = [];
    Promise.resolve(this.#results.return?.()).then(
      () => callback(error),
      (failure: Error) => callback(error ?? failure),
    );
  }

  #readNext(): void {
    if (this.#isReading || this.#isFull || this.#isDone || this.destroyed || this.#batch.length >= MAX_BATCH) return;
    this.#isReading = true;
    this.#results.next().then(this.#onResult, this.#onError);
  }

  // Arrow functions are created once per stream. A closure per result would be more garbage.
  readonly #onResult = ({ done, value }: IteratorResult<ExecutionResult>) => {
    this.#isReading = false;
    if (this.destroyed) return;
    this.#isDone = done === true;
    try {
      this.#add(this.#isDone ? COMPLETE : encodeResult(value));
    } catch (error) {
      return this.#onError(error);
    }
    this.#readNext();
  };

  readonly #onError = (error: unknown) => {
    this.destroy(error instanceof Error ? error : new Error(String(error)));
  };

  #add(bytes: Buffer): void {
    // Written in the next tick, together with all results that are ready by then.
    if (this.#batch.push(bytes) === 1) process.nextTick(this.#write);
  }

  readonly #write = () => {
    if (this.destroyed) return;
    const bytes = this.#batch.length === 1 ? this.#batch[0] : Buffer.concat(this.#batch);
    this.#batch = [];
    this.#isFull = !this.push(bytes);
    if (this.#isDone) this.push(null);
    else this.#readNext();
  };

  #ping(): void {
    // Bytes that wait to be written keep the connection alive as well.
    if (!this.#isFull && !this.#isDone && this.#batch.length === 0) this.#isFull = !this.push(PING);
  }
}

/** The serialized bytes of a result, stored on the result: see `memo.ts` for the reason. */
const BYTES = Symbol("bytes");

/** The bytes of a result, serialized once for all subscribers. */
export function encodeResult(result: ExecutionResult & { [BYTES]?: Buffer }): Buffer {
  result[BYTES] ??= Buffer.from(`event: next\ndata: ${JSON.stringify(withoutInternals(result))}\n\n`);
  return result[BYTES];
}

/** `extensions.http` is for Yoga, not for the client. */
function withoutInternals(result: ExecutionResult): object {
  return result.errors ? { ...result, errors: result.errors.map(publicError) } : result;
}

function publicError(error: GraphQLError): object {
  const { extensions, ...rest } = error.toJSON();
  const { http: _, ...publicExtensions } = extensions ?? {};
  return Object.keys(publicExtensions).length > 0 ? { ...rest, extensions: publicExtensions } : rest;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<ExecutionResult> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
