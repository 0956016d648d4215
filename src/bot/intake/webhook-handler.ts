/**
 * The HTTP handler of the webhook. It answers 200 only when an update is committed.
 *
 * After any other status, Telegram delivers the update again, in order within a chat, with growing pauses. The handler knows
 * nothing of the content of updates, nor of the registration (`webhook.ts`). A proxy in front of this server needs to expose
 * only the webhook's path.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Update } from "grammy/types";
import { z } from "zod";
import { networkOf, type RateLimiter } from "../../process/rate-limiter.ts";
import type { ProcessUpdate } from "./process-update.ts";

export interface WebhookHandler {
  /** Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Accepts updates from now on. Before this, and after `close`, updates get 503 and come again. */
  open(processUpdate: ProcessUpdate): void;
  /** Accepts no more updates; settles when the accepted ones are done. */
  close(): Promise<void>;
}

/** The header in which Telegram sends the secret. */
const SECRET_HEADER = "x-telegram-bot-api-secret-token";
/** An update has a few kilobytes. Telegram's largest, a long message that quotes another, have some tens of them. */
const MAX_BODY_BYTES = 1_000_000;
/** More than Telegram opens for one bot (`MAX_CONNECTIONS`), so that only a fault reaches it. */
const MAX_CONCURRENT = 100;
const RETRY_AFTER_SECONDS = 1;

/** The field that this module relies on. The secret proves that the rest comes from Telegram. */
const IncomingUpdate = z.looseObject({ update_id: z.int().min(0) });

export interface WebhookHandlerOptions {
  /** How often an address may send a wrong secret, here and on the other paths. Default: no limit. */
  readonly refusals?: RateLimiter;
  /** Called for each request with the right secret. */
  readonly onTrusted?: (request: IncomingMessage) => void;
}

interface State extends WebhookHandlerOptions {
  readonly secretHash: Buffer;
  /** The accepted updates. */
  readonly inProgress: Set<Promise<boolean>>;
  /** Requests that are being read or processed. */
  concurrent: number;
  /** Null while the handler is closed. */
  processUpdate: ProcessUpdate | null;
}

/** A handler that is closed at first. */
export function createWebhookHandler(secret: string, options: WebhookHandlerOptions = {}): WebhookHandler {
  const secretHash = hashOf(secret);
  const state: State = { ...options, secretHash, inProgress: new Set(), concurrent: 0, processUpdate: null };
  return {
    async handle(request, response) {
      respond(response, await statusOf(state, request));
    },
    open(processUpdate) {
      state.processUpdate = processUpdate;
    },
    async close() {
      state.processUpdate = null;
      await Promise.all(state.inProgress);
    },
  };
}

type Status = 200 | 400 | 401 | 405 | 413 | 429 | 500 | 503;

const HEADERS: Partial<Record<Status, Record<string, string>>> = {
  405: { allow: "POST" },
  429: { "retry-after": String(RETRY_AFTER_SECONDS) },
  503: { "retry-after": String(RETRY_AFTER_SECONDS) },
};

function respond(response: ServerResponse, status: Status): void {
  if (!response.destroyed) response.writeHead(status, HEADERS[status]).end();
}

async function statusOf(state: State, request: IncomingMessage): Promise<Status> {
  if (!isSecret(request.headers[SECRET_HEADER], state.secretHash)) {
    return (state.refusals?.take(networkOf(request.socket.remoteAddress)) ?? 0) > 0 ? 429 : 401;
  }
  state.onTrusted?.(request);
  if (request.method !== "POST") return 405;
  if (!state.processUpdate || state.concurrent >= MAX_CONCURRENT) return 503;
  state.concurrent += 1;
  try {
    const body = await readBody(request);
    if (body === null) return 413;
    const update = parseUpdate(body);
    return update ? await processAccepted(state, update) : 400;
  } finally {
    state.concurrent -= 1;
  }
}

async function processAccepted({ inProgress, processUpdate }: State, update: Update): Promise<Status> {
  // Closed while the body was read.
  if (!processUpdate) return 503;
  const processed = processUpdate(update);
  inProgress.add(processed);
  const isDone = await processed.finally(() => inProgress.delete(processed));
  return isDone ? 200 : 500;
}

function isSecret(given: string | string[] | undefined, secretHash: Buffer): boolean {
  // Hashes of equal length, so that the comparison takes constant time.
  return typeof given === "string" && timingSafeEqual(hashOf(given), secretHash);
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** The body as text; null if it is too large, "" if the sender disconnected. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  if (Number(request.headers["content-length"]) > MAX_BODY_BYTES) return null;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // The request stays open when reading stops: the response uses the same connection.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) return null;
      chunks.push(chunk);
    }
  } catch {
    // The sender is gone, so the status does not matter.
    return "";
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseUpdate(body: string): Update | undefined {
  const { success, data } = IncomingUpdate.safeParse(parseJson(body));
  return success ? data : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
