/**
 * A load generator for one server over keep-alive connections. It uses little CPU time itself: requests are prepared before the
 * measurement, and only the beginning of a response is checked.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import type { Subject } from "./subject.ts";

/** A prepared request body. */
export type Body = Buffer;

export interface Measured {
  requests: number;
  /** Responses that are not data. */
  failed: number;
  seconds: number;
  latenciesMs: number[];
}

export interface Client {
  /** Returns the complete response. @throws when it is not data. */
  ask(body: Body): Promise<{ data: unknown }>;
  /** Sends the bodies in turn over `connections` connections until the time is over. Waits for the last responses. */
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
  const sendUntilEnd = async () => {
    while (performance.now() < endsAt) {
      const body = bodies[next++ % bodies.length];
      if (body === undefined) throw new Error("there are no requests to send");
      const sentAt = performance.now();
      if (!(await isData(await send(body)))) failed += 1;
      latenciesMs.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, sendUntilEnd));
  return { requests: latenciesMs.length, failed, seconds: (performance.now() - startedAt) / 1_000, latenciesMs };
}

/** Reads the response to its end. @returns whether it is data. */
function isData(response: IncomingMessage): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let startsWithData = false;
    response.once("data", (chunk: Buffer) => {
      startsWithData = chunk.subarray(0, DATA.length).toString() === DATA;
    });
    response.on("data", () => undefined);
    response.once("end", () => resolve(startsWithData && response.statusCode === 200)).once("error", reject);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
