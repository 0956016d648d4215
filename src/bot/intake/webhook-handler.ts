/**
 * The door through which Telegram brings updates: one HTTP handler, which answers 200 only for what is committed.
 *
 * Telegram brings again whatever got another answer, in order within a chat, with growing pauses. The door knows nothing of
 * what is in an update, and nothing of how Telegram came to know the address (`webhook.ts`). Whoever lets the outside reach
 * this server need let it reach no other path than the webhook's.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Update } from "grammy/types";
import { z } from "zod";
import { networkOf, type RateLimiter } from "../../process/rate-limiter.ts";
import type { ProcessUpdate } from "./process-update.ts";

export interface WebhookHandler {
  /** Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Lets updates in from now on: before, and after `close`, they are sent away to come again. */
  open(processUpdate: ProcessUpdate): void;
  /** Lets no more in; settles when those inside are done with. */
  close(): Promise<void>;
}

/** The header in which Telegram shows the secret. */
const SECRET_HEADER = "x-telegram-bot-api-secret-token";
/** An update is a few kilobytes; Telegram's largest, with a long message that quotes another, are some tens of them. */
const MAX_BODY_BYTES = 1_000_000;
/** Above what Telegram opens to one bot (`MAX_CONNECTIONS`), so that only a fault makes it be reached. */
const MAX_AT_ONCE = 100;
const RETRY_AFTER_SECONDS = 1;

/** What is relied on here; all else in it is for the handlers, and Telegram's own: the secret says so. */
const IncomingUpdate = z.looseObject({ update_id: z.int().min(0) });

export interface WebhookHandlerOptions {
  /** How often an address may come without the secret, here and at the other paths; without a limit when left out. */
  readonly refusals?: RateLimiter;
  /** Hears of each request that brings the secret. */
  readonly onTrusted?: (request: IncomingMessage) => void;
}

/** A door that is closed at first. */
export function createWebhookHandler(
  secret: string,
  { refusals, onTrusted }: WebhookHandlerOptions = {},
): WebhookHandler {
  const secretHash = hashOf(secret);
  const inside = new Set<Promise<boolean>>();
  let atOnce = 0;
  let processUpdate: ProcessUpdate | null = null;

  const takeInWhenOpen = async (update: Update): Promise<Status> => {
    if (!processUpdate) return 503;
    const taken = processUpdate(update);
    inside.add(taken);
    const isDone = await taken.finally(() => inside.delete(taken));
    return isDone ? 200 : 500;
  };
  const statusFor = async (request: IncomingMessage): Promise<Status> => {
    if (!isSecret(request.headers[SECRET_HEADER], secretHash)) {
      return (refusals?.take(networkOf(request.socket.remoteAddress)) ?? 0) > 0 ? 429 : 401;
    }
    onTrusted?.(request);
    if (request.method !== "POST") return 405;
    if (!processUpdate || atOnce >= MAX_AT_ONCE) return 503;
    atOnce += 1;
    try {
      const body = await readBody(request);
      if (body === null) return 413;
      const update = parseUpdate(body);
      return update ? await takeInWhenOpen(update) : 400;
    } finally {
      atOnce -= 1;
    }
  };

  return {
    async handle(request, response) {
      respond(response, await statusFor(request));
    },
    open(whoTakesIn) {
      processUpdate = whoTakesIn;
    },
    async close() {
      processUpdate = null;
      await Promise.all(inside);
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

function isSecret(given: string | string[] | undefined, secretHash: Buffer): boolean {
  // Hashes have one length, and a comparison of them takes one time.
  return typeof given === "string" && timingSafeEqual(hashOf(given), secretHash);
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** The body as text; null when it is too large, "" when its sender went away in the middle. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  if (Number(request.headers["content-length"]) > MAX_BODY_BYTES) return null;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Left open when we stop reading: the answer goes out on the same connection.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) return null;
      chunks.push(chunk);
    }
  } catch {
    // Nobody is there any more to be answered.
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
