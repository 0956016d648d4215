/**
 * The subscribers, all in this process: connections of `node:net` that read what comes into one buffer.
 *
 * An HTTP client would take as much of the machine as the server that is measured. Told over IPC what to follow (see
 * `messages.ts`), it says when all have begun, and at the end what has come.
 */
import { connect, type Socket } from "node:net";
import { machineMs } from "./clock.ts";
import { markPattern } from "./marks.ts";
import type { Following, Latency, Received, ToSubscribers } from "./messages.ts";

interface Subscriber {
  readonly socket: Socket;
  /** Line that has not ended yet. */
  rest: string;
  events: number;
  hasEnded: boolean;
  /** How often each mark came. */
  readonly marks: Uint8Array;
}

const MAX_MARKS = 20_000;
/** What is read is looked at before anything else is read: one for all. */
const BUFFER = Buffer.allocUnsafe(256 * 1_024);
/** Subscribers that begin at once. */
const AT_ONCE = 25;
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
  const followInTurn = async () => {
    for (let variables = waiting.pop(); variables; variables = waiting.pop()) {
      subscribers.push(await follow(following, variables));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, followInTurn));
  for (const subscriber of subscribers) subscriber.events = 0;
}

/** Resolves when the first event has come: from then on nothing is missed. */
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
      take(subscriber, BUFFER.toString("latin1", 0, length), () => resolve(subscriber));
      return true;
    };
    const socket: Socket = connect({ host: hostname, port: Number(port), onread: { buffer: BUFFER, callback } });
    const subscriber: Subscriber = { socket, rest: "", events: 0, hasEnded: false, marks: new Uint8Array(MAX_MARKS) };
    socket.once("error", reject);
    socket.once("close", () => {
      subscriber.hasEnded = true;
      reject(new Error(`the stream ended before it began: ${subscriber.rest}`));
    });
    socket.write(`POST ${pathname} HTTP/1.1\r\n${head}\r\n${body}`);
  });
}

/** Reads whole lines only: what is between them, the lengths of HTTP's chunks, has neither marks nor events. */
function take(subscriber: Subscriber, text: string, begin: () => void): void {
  const atMs = machineMs();
  const end = text.lastIndexOf("\n") + 1;
  const lines = subscriber.rest + text.slice(0, end);
  subscriber.rest = end === 0 ? lines + text : text.slice(end);
  if (end === 0) return;
  for (let at = lines.indexOf(EVENT); at >= 0; at = lines.indexOf(EVENT, at + EVENT.length)) {
    if (subscriber.events === 0) begin();
    subscriber.events += 1;
  }
  const pattern = markPattern();
  for (let found = pattern.exec(lines); found; found = pattern.exec(lines)) {
    const mark = Number(found[1]);
    subscriber.marks[mark] = (subscriber.marks[mark] ?? 0) + 1;
    arrivals.push({ mark, atMs });
  }
}

/** `each`: whether each subscriber should have got each event, or just one of them. */
function report({ written, fromMs, each }: ToSubscribers & { ask: "report" }): Received {
  const counts = written.sentAtMs.map((_, mark) => subscribers.map(({ marks }) => marks[mark] ?? 0));
  const wanted = each ? subscribers.length : 1;
  const missing = (came: readonly number[]) => Math.max(wanted - came.filter((count) => count > 0).length, 0);
  const measured = arrivals.filter(({ mark }) => (written.sentAtMs[mark] ?? 0) >= fromMs);
  const since = (times: readonly number[]) =>
    summarise(Float64Array.from(measured, ({ mark, atMs }) => atMs - (times[mark] ?? Number.NaN)));
  return {
    sinceSent: since(written.sentAtMs),
    sinceCommit: since(written.committedAtMs),
    deliveries: subscribers.reduce((sum, { events }) => sum + events, 0),
    lost: sumOf(counts, (came, mark) => (written.isPiece[mark] ? 0 : missing(came))),
    overtaken: sumOf(counts, (came, mark) => (written.isPiece[mark] ? missing(came) : 0)),
    doubled: sumOf(counts, (came) => came.reduce((sum, count) => sum + Math.max(count - 1, 0), 0)),
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
