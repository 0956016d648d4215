/**
 * Asks one server over kept connections, as fast as it answers: what is asked is made ready beforehand, and of an answer only
 * the beginning is looked at, so that little of the machine goes into asking.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import type { Subject } from "./subject.ts";

/** One request, ready to be sent. */
export type Body = Buffer;

export interface Measured {
  requests: number;
  /** Answers other than data. */
  failed: number;
  seconds: number;
  latenciesMs: number[];
}

export interface Client {
  /** The whole answer. @throws when it is not data. */
  ask(body: Body): Promise<{ data: unknown }>;
  /** Asks the bodies in turn, `connections` at a time, until the time is over; the last answers are waited for. */
  load(bodies: readonly Body[], options: { connections: number; seconds: number }): Promise<Measured>;
  close(): void;
}

export const CONNECTIONS = 8;

const DATA = '{"data":{';

export function toBody(query: string, variables: object): Body {
  return Buffer.from(JSON.stringify({ query, variables }));
}

export function createClient({ url, headers }: Pick<Subject, "url" | "headers">): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const { hostname, port, pathname: path } = new URL(url);
  const send = (body: Body): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const sent = request({
        agent,
        hostname,
        port,
        path,
        method: "POST",
        headers: {
          ...headers,
          accept: "application/graphql-response+json, application/json",
          "content-type": "application/json",
          "content-length": body.length,
        },
      });
      sent.once("response", resolve).once("error", reject).end(body);
    });
  return {
    ask: async (body) => {
      const response = await send(body);
      const text = await readAll(response);
      if (!text.startsWith(DATA)) throw new Error(`${response.statusCode} ${text.slice(0, 2_000)}`);
      return JSON.parse(text) as { data: unknown };
    },
    load: (bodies, options) => load(send, bodies, options),
    close: () => agent.destroy(),
  };
}

async function load(
  send: (body: Body) => Promise<IncomingMessage>,
  bodies: readonly Body[],
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Measured> {
  const latenciesMs: number[] = [];
  let next = 0;
  let failed = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  const askOn = async () => {
    while (performance.now() < endsAt) {
      const body = bodies[next++ % bodies.length];
      if (body === undefined) throw new Error("there is nothing to ask");
      const askedAt = performance.now();
      if (!(await endsWell(await send(body)))) failed += 1;
      latenciesMs.push(performance.now() - askedAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, askOn));
  return { requests: latenciesMs.length, failed, seconds: (performance.now() - startedAt) / 1_000, latenciesMs };
}

/** Reads it to its end. @returns whether it is data. */
function endsWell(response: IncomingMessage): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let beginsWell = false;
    response.once("data", (chunk: Buffer) => {
      beginsWell = chunk.subarray(0, DATA.length).toString() === DATA;
    });
    response.on("data", () => undefined);
    response.once("end", () => resolve(beginsWell && response.statusCode === 200)).once("error", reject);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
