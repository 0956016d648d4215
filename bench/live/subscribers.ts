/**
 * All subscribers, in this process: `node:net` connections that read into one shared buffer.
 *
 * An HTTP client would use as much CPU time as the measured server. Instructions come over IPC (see `messages.ts`). The process
 * replies when all subscriptions have started, and at the end with what they received.
 */
import { connect, type Socket } from "node:net";
import { machineMs } from "./clock.ts";
import { markPattern } from "./marks.ts";
import type { Following, Latency, Received, ToSubscribers } from "./messages.ts";

interface Subscriber {
  readonly socket: Socket;
  /** The incomplete last line. */
  rest: string;
  events: number;
  hasEnded: boolean;
  /** How often each mark was received. */
  readonly marks: Uint8Array;
}

const MAX_MARKS = 20_000;
/** Shared by all sockets: each chunk is processed before the next read. */
const BUFFER = Buffer.allocUnsafe(256 * 1_024);
/** Number of subscriptions that are opened at once. */
const CONCURRENCY = 25;
const EVENT = "event: next\n";

const arrivals: { mark: number; atMs: number }[] = [];
let subscribers: Subscriber[] = [];

process.on("message", async (message: ToSubscribers) => {
  if (message.ask === "follow") {
    await followAll(message);
    process.send?.({});
  } else if (message.ask === "report") {
    process.send?.(report(message));
  } else {
    for (const { socket } of subscribers) socket.destroy();
    subscribers = [];
    process.send?.({});
  }
});
process.once("disconnect", () => process.exit(0));

async function followAll(following: Following): Promise<void> {
  arrivals.length = 0;
  const waiting = [...following.variables];
  const followNext = async () => {
    for (let variables = waiting.pop(); variables; variables = waiting.pop()) {
      subscribers.push(await follow(following, variables));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, followNext));
  for (const subscriber of subscribers) subscriber.events = 0;
}

/** Resolves with the first event: from then on no event is missed. */
function follow({ url, headers, query }: Following, variables: object): Promise<Subscriber> {
  const { hostname, port, pathname } = new URL(url);
  const body = JSON.stringify({ query, variables });
  const fields = Object.entries({
    host: hostname,
    ...headers,
    accept: "text/event-stream",
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return new Promise((resolve, reject) => {
    const callback = (length: number): boolean => {
      readChunk(subscriber, BUFFER.toString("latin1", 0, length), () => resolve(subscriber));
      return true;
    };
    const socket: Socket = connect({ host: hostname, port: Number(port), onread: { buffer: BUFFER, callback } });
    const subscriber: Subscriber = { socket, rest: "", events: 0, hasEnded: false, marks: new Uint8Array(MAX_MARKS) };
    socket.once("error", reject);
    socket.once("close", () => {
      subscriber.hasEnded = true;
      reject(new Error(`the stream ended before its first event: ${subscriber.rest}`));
    });
    socket.write(`POST ${pathname} HTTP/1.1\r\n${head}\r\n${body}`);
  });
}

/** Processes complete lines. The chunk sizes of HTTP between them contain neither marks nor events. */
function readChunk(subscriber: Subscriber, text: string, onFirstEvent: () => void): void {
  const atMs = machineMs();
  const end = text.lastIndexOf("\n") + 1;
  const lines = subscriber.rest + text.slice(0, end);
  subscriber.rest = end === 0 ? lines + text : text.slice(end);
  if (end === 0) return;
  for (let at = lines.indexOf(EVENT); at >= 0; at = lines.indexOf(EVENT, at + EVENT.length)) {
    if (subscriber.events === 0) onFirstEvent();
    subscriber.events += 1;
  }
  const pattern = markPattern();
  for (let found = pattern.exec(lines); found; found = pattern.exec(lines)) {
    const mark = Number(found[1]);
    subscriber.marks[mark] = (subscriber.marks[mark] ?? 0) + 1;
    arrivals.push({ mark, atMs });
  }
}

/** `each`: whether every subscriber should have received every event, or only one of them. */
function report({ written, fromMs, each }: ToSubscribers & { ask: "report" }): Received {
  const counts = written.sentAtMs.map((_, mark) => subscribers.map(({ marks }) => marks[mark] ?? 0));
  const expected = each ? subscribers.length : 1;
  const missing = (received: readonly number[]) => Math.max(expected - received.filter((count) => count > 0).length, 0);
  const measured = arrivals.filter(({ mark }) => (written.sentAtMs[mark] ?? 0) >= fromMs);
  const since = (times: readonly number[]) =>
    summarise(Float64Array.from(measured, ({ mark, atMs }) => atMs - (times[mark] ?? Number.NaN)));
  return {
    sinceSent: since(written.sentAtMs),
    sinceCommit: since(written.committedAtMs),
    deliveries: subscribers.reduce((sum, { events }) => sum + events, 0),
    lost: sumOf(counts, (received, mark) => (written.isPiece[mark] ? 0 : missing(received))),
    overtaken: sumOf(counts, (received, mark) => (written.isPiece[mark] ? missing(received) : 0)),
    doubled: sumOf(counts, (received) => received.reduce((sum, count) => sum + Math.max(count - 1, 0), 0)),
    ended: subscribers.filter(({ hasEnded }) => hasEnded).length,
  };
}

function summarise(samples: Float64Array): Latency {
  samples.sort();
  const at = (share: number) => samples[Math.max(0, Math.ceil(share * samples.length) - 1)] ?? Number.NaN;
  const hundredths = (value: number) => Math.round(value * 100) / 100;
  const [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1].map((share) => hundredths(at(share))) as [
    number,
    number,
    number,
    number,
  ];
  return { count: samples.length, p50, p95, p99, max };
}

function sumOf<Item>(items: readonly Item[], of: (item: Item, index: number) => number): number {
  return items.reduce((sum, item, index) => sum + of(item, index), 0);
}
