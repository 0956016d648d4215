/**
 * Subscriptions as server-sent events, in the words of graphql-sse's distinct connections: a `next` for each result, then
 * `complete`, and a comment now and then as a sign of life.
 *
 * In the place of Yoga's own, which puts each subscriber's events into JSON and bytes anew and writes each in two pieces: here
 * a result that many get is put into bytes once, and what comes at once goes out at once. A client that does not read is not
 * read for either: what waits for it waits in its inbox, which has an end. It knows nothing of what is followed.
 */
import { Readable } from "node:stream";
import type { ExecutionResult, GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";

/** Pause between two signs of life, in milliseconds: proxies end what is silent for 15 s and more. */
export const PING_INTERVAL_MS = 12_000;

/** Results that are taken at once for one client, before anything is written. */
const MAX_AT_ONCE = 64;

const PING = Buffer.from(":\n\n");
const COMPLETE = Buffer.from("event: complete\ndata:\n\n");
const HEADERS = {
  "Content-Type": "text/event-stream",
  Connection: "keep-alive",
  "Cache-Control": "no-cache",
  // Not to be compressed on the way: a proxy that does holds events back.
  "Content-Encoding": "none",
};

/** Answers subscriptions with a stream of events; all else is Yoga's. `pingIntervalMs`: `PING_INTERVAL_MS` when left out. */
export function streamEvents(pingIntervalMs = PING_INTERVAL_MS): Plugin {
  return {
    async onResultProcess({ request, result, resultProcessor, setResultProcessor }) {
      if (!isAsyncIterable(result)) return;
      const results = result[Symbol.asyncIterator]();
      // By now it is followed already. Without a processor the client takes no events, as Yoga tells it: nobody else ends this.
      if (!resultProcessor) return void (await results.return?.());
      setResultProcessor((_, { Response }) => {
        const stream = createEventStream(results, pingIntervalMs);
        endWith(request.signal, stream);
        // Yoga's own `Response` takes a stream of Node's as it is, which its type does not say.
        return new Response(stream as unknown as ReadableStream, { headers: HEADERS });
      }, "text/event-stream");
    },
  };
}

/** The stream of a client that goes before its first byte is neither read nor destroyed by Yoga. */
function endWith(signal: AbortSignal, stream: Readable): void {
  const end = () => void stream.destroy();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  stream.once("close", () => signal.removeEventListener("abort", end));
}

/** The bytes for one client. To destroy it ends what it reads from. */
export function createEventStream(results: AsyncIterator<ExecutionResult>, pingIntervalMs: number): Readable {
  let taken: Buffer[] = [];
  let isTaking = false;
  let isFull = false;
  let isOver = false;

  const write = () => {
    if (stream.destroyed) return;
    const bytes = taken.length === 1 ? taken[0] : Buffer.concat(taken);
    taken = [];
    isFull = !stream.push(bytes);
    if (isOver) stream.push(null);
    else take();
  };
  const put = (bytes: Buffer) => {
    // Once all that has happened up to now is taken in: a burst is one write.
    if (taken.push(bytes) === 1) process.nextTick(write);
  };
  const take = () => {
    if (isTaking || isFull || isOver || stream.destroyed || taken.length >= MAX_AT_ONCE) return;
    isTaking = true;
    results.next().then(onResult, onFailure);
  };
  const onResult = ({ done, value }: IteratorResult<ExecutionResult>) => {
    isTaking = false;
    if (stream.destroyed) return;
    isOver = done === true;
    try {
      put(isOver ? COMPLETE : encodeResult(value));
    } catch (error) {
      return onFailure(error);
    }
    take();
  };
  const onFailure = (error: unknown) => {
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
  };

  const stream = new Readable({
    read() {
      isFull = false;
      take();
    },
    destroy(error, callback) {
      clearInterval(pings);
      taken = [];
      Promise.resolve(results.return?.()).then(
        () => callback(error),
        (failure: Error) => callback(error ?? failure),
      );
    },
  });
  const pings = setInterval(() => {
    // What waits to be written is a sign of life too.
    if (!isFull && !isOver && taken.length === 0) isFull = !stream.push(PING);
  }, pingIntervalMs);
  // Some browsers take a response for begun only when a first byte has come.
  stream.push(PING);
  return stream;
}

/** Where a result has its bytes: with it, see `kept.ts`. */
const BYTES = Symbol("bytes");

/** A result as it goes out, put into bytes once, however many get it. */
export function encodeResult(result: ExecutionResult & { [BYTES]?: Buffer }): Buffer {
  result[BYTES] ??= Buffer.from(`event: next\ndata: ${JSON.stringify(withoutInternals(result))}\n\n`);
  return result[BYTES];
}

/** What an error says about the HTTP response is not the client's. */
function withoutInternals(result: ExecutionResult): object {
  return result.errors ? { ...result, errors: result.errors.map(shown) } : result;
}

function shown(error: GraphQLError): object {
  const { extensions, ...said } = error.toJSON();
  const { http: _, ...others } = extensions ?? {};
  return Object.keys(others).length > 0 ? { ...said, extensions: others } : said;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<ExecutionResult> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
