/** A model server that sends invalid data: events exactly as a test writes them. It checks requests strictly. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { checkRequest, parseBody } from "../../../sandbox/model/check-request.ts";
import type { InputItem } from "../../../sandbox/model/turn.ts";

export interface OddServer {
  readonly url: string;
  /** The items of each request since the last `play`, and what OpenAI would refuse of them. */
  readonly inputs: readonly (readonly InputItem[])[];
  readonly refused: readonly unknown[];
  /**
   * From now on the nth request gets the nth list of events; further requests get the last one. A string is sent as it is.
   * Earlier requests are dropped.
   */
  play(turns: readonly (readonly unknown[])[]): void;
  close(): Promise<void>;
}

export async function createOddServer(): Promise<OddServer> {
  const inputs: (readonly InputItem[])[] = [];
  const refused: unknown[] = [];
  let turns: readonly (readonly unknown[])[] = [];
  const server = createServer(async (request, response) => {
    inputs.push(checked(await readAll(request), refused));
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of turns[Math.min(inputs.length, turns.length) - 1] ?? []) {
      response.write(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`);
    }
    response.end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    inputs,
    refused,
    play(next) {
      turns = next;
      inputs.length = 0;
      refused.length = 0;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** The events of an answer with one text. */
export function saysOddly(text: unknown, response: unknown = {}): unknown[] {
  return [
    { type: "response.output_text.delta", item_id: "msg_1", delta: text },
    { type: "response.output_item.done", item: messageOf(text) },
    { type: "response.completed", response },
  ];
}

/** The events of an answer with these items, each unchanged. */
export function givesItems(...items: unknown[]): unknown[] {
  return [
    ...items.map((item) => ({ type: "response.output_item.done", item })),
    { type: "response.completed", response: {} },
  ];
}

export function messageOf(text: unknown): object {
  return { type: "message", id: "msg_1", role: "assistant", content: [{ type: "output_text", text, annotations: [] }] };
}

export function callOf(fields: object): object {
  return { type: "function_call", id: "fc_1", call_id: "call_1", name: "Echo", arguments: '{"n":1}', ...fields };
}

function checked(bytes: Buffer, refused: unknown[]): readonly InputItem[] {
  try {
    const body = parseBody(bytes);
    checkRequest(body);
    return typeof body.input === "string" ? [] : body.input;
  } catch (error) {
    refused.push(error);
    return [];
  }
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
